# shellcheck shell=sh disable=SC2034,SC2153
# Host: deaths of one second share the sections that are the same for all of them. Sourced; starts no process.
#
# The first recorder of a second creates $DEATHS/host-<boot>-<second>.txt, which is its lease, and writes the host sections
# to it (host-sections.sh). The others wait for these and copy them to their snapshots.

# host_take -> HOST_N, HOST_FILE, HOST_ROLE, for a death at NOW. Role ours: this recorder writes the sections for all; shared:
# another recorder does; empty: the file cannot be created
host_take() {
  HOST_N=1
  host_take_file
}

# host_name -> HOST_FILE: the HOST_N-th file of this second
host_name() {
  HOST_FILE=$DEATHS/host-${ARMED_BOOT%%[-/]*}-$NOW_S
  [ "$HOST_N" -eq 1 ] || HOST_FILE=$HOST_FILE-$HOST_N
  HOST_FILE=$HOST_FILE.txt
}

# host_take_file -> HOST_FILE, HOST_ROLE: for the HOST_N-th file
host_take_file() {
  host_name
  claim_make "$HOST_FILE" "host-evidence boot=$ARMED_BOOT second=$NOW_S by=$SELF platform=$PLATFORM format=1"
  case $? in
    0) HOST_ROLE=ours ;;
    "$TAKEN") HOST_ROLE=shared ;;
    *) HOST_ROLE= ;;
  esac
}

# host_defer: a recorder with a shared file waits, so that the others can write their lines first
host_defer() { [ "$HOST_ROLE" != shared ] || clock_nap 0.1; }
