# shellcheck shell=sh disable=SC2034
# Process: the identity of a process (pid and start token) and of this boot. Sourced; starts a process only without /proc.
#
# Outputs  P_STATE  running | zombie | gone | unknown    (unknown is never gone)
#          P_PPID   its parent
#          P_SESSION  the pid of the leader of its session; empty without /proc
#          P_TOKEN  its start time: field 22 of /proc/<pid>/stat, or `ps` lstart with `_` for blanks
#          BOOT     <boot id>/<start token of pid 1>, `-` for a part that cannot be read

# process_read PID
process_read() {
  P_STATE=unknown P_TOKEN='' P_PPID='' P_SESSION=
  if [ -r /proc/self/stat ]; then process_read_proc "$1"; else process_read_ps "$1"; fi
}

process_read_proc() {
  process_read_proc_text=
  { while read -r process_read_proc_line; do process_read_proc_text="$process_read_proc_text $process_read_proc_line"; done <"/proc/$1/stat"; } 2>/dev/null
  if [ -z "$process_read_proc_text" ]; then
    [ -e "/proc/$1" ] || P_STATE=gone
    return 0
  fi
  # shellcheck disable=SC2086 # the words are the fields
  process_take_fields ${process_read_proc_text##*")"}
}

# process_take_fields FIELDS: those after the name; the first is the state, the twentieth the start time
process_take_fields() {
  [ $# -ge 20 ] || return 0
  P_TOKEN=${20} P_PPID=$2 P_SESSION=$4
  case $1 in Z | X) P_STATE=zombie ;; *) P_STATE=running ;; esac
}

process_read_ps() {
  process_read_ps_text=$(LC_ALL=C TZ=UTC ps -o stat= -o lstart= -o ppid= -p "$1" 2>/dev/null)
  process_read_ps_code=$?
  # shellcheck disable=SC2086 # the words are the fields
  set -- $process_read_ps_text
  if [ $# -eq 7 ]; then
    P_TOKEN=$2_$3_$4_$5_$6 P_PPID=$7
    case $1 in Z*) P_STATE=zombie ;; *) P_STATE=running ;; esac
  elif [ $# -eq 0 ] && [ "$process_read_ps_code" -eq 1 ]; then
    P_STATE=gone
  fi
}

# process_check PID:TOKEN -> ID_STATE alive | gone | unknown; a zombie or another process with this pid is gone
process_check() {
  case ${1%%:*} in
    '' | *[!0-9]*)
      ID_STATE=unknown
      return 0
      ;;
  esac
  process_read "${1%%:*}"
  case $P_STATE in
    running) if [ "$P_TOKEN" = "${1#*:}" ]; then ID_STATE=alive; else ID_STATE=gone; fi ;;
    unknown) ID_STATE=unknown ;;
    *) ID_STATE=gone ;;
  esac
}

process_read_boot() {
  BOOT=-
  if [ -r /proc/self/stat ]; then
    { read -r BOOT </proc/sys/kernel/random/boot_id; } 2>/dev/null
  else
    BOOT='ps'
  fi
  process_read 1
  BOOT=${BOOT:--}/${P_TOKEN:--}
}
