# shellcheck shell=sh disable=SC2034,SC2153
# Generation: one life of one server, the files that belong to it, and its end as one that needs no record. Sourced.
#
# Inputs   IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER=<pid>:<token> IAPEER_RECORD_DIR IAPEER_STATE_DIR
#          IAPEER_LIB (directory of these scripts) IAPEER_PLATFORM (linux | darwin) IAPEER_BOOT (at arming) IAPEER_CLOCK
#          IAPEER_RECORDER=<pid>:<token> (settle.sh: the recorder that is thought to be gone)
# Outputs  the paths; KEY, the name of its files, which stays when its peer gets another name; IDENTITY, its name now

generation_names() {
  GEN=$IAPEER_GEN SERVER=$IAPEER_SERVER LIB=$IAPEER_LIB IDENTITY=$IAPEER_IDENTITY KEY=$IAPEER_IDENTITY-$IAPEER_GEN
  RECORD_DIR=$IAPEER_RECORD_DIR STATE_DIR=$IAPEER_STATE_DIR PLATFORM=${IAPEER_PLATFORM:-linux} ARMED_BOOT=$IAPEER_BOOT
  KNOWN_RECORDER=${IAPEER_RECORDER:-} MODE=watch CLOCK=${IAPEER_CLOCK:-} CLAIM_MS=${IAPEER_CLAIM_MS:-}
  unset IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER IAPEER_LIB IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_PLATFORM IAPEER_BOOT \
    IAPEER_RECORDER IAPEER_CLOCK IAPEER_CLAIM_MS
  SERVER_PID=${SERVER%%:*} SERVER_TOKEN=${SERVER#*:}
  STATE=$STATE_DIR/canary/$KEY
  BASELINE=$STATE.baseline
  NAP_PIPE=$STATE.$$.nap
  FACTS=$STATE.facts
  LEADER_FACTS=$STATE.leader-facts
  INTENT=$STATE_DIR/intent/$KEY
  DEATHS=$RECORD_DIR/server-deaths
  CLAIM=$DEATHS/$KEY.claim
  SNAPSHOT=$DEATHS/$KEY.txt
  EARLY=$DEATHS/$KEY.early
  WITNESS=$DEATHS/$KEY.witness
  # For every name that this server is watched under.
  SERVER_MARK='' SERVER_INTENT=
  case $SERVER_PID in
    '' | *[!0-9]*) ;;
    *)
      SERVER_MARK=$DEATHS/${ARMED_BOOT%%[-/]*}-$SERVER_PID-$SERVER_TOKEN.server
      SERVER_INTENT=$STATE_DIR/intent/${SERVER_MARK##*/}
      ;;
  esac
  CLAIMED='' LINED='' FACTS_OPEN='' NAP_FD='' NAP_WHOLE='' NAP_SPUN=''
  clock_set "$CLOCK"
  process_look $$
  SELF=$$:${P_TOKEN:--}
}

# generation_identity -> IDENTITY: what its peer is called now. `rename` writes the note before it changes anything else.
generation_identity() {
  name_note=
  { read -r name_note <"$STATE_DIR/names/$GEN"; } 2>/dev/null
  case $name_note in identity=?*) IDENTITY=${name_note#identity=} ;; esac
}

# generation_open: opened for the recorder's whole life: as 7 the script that goes on behind the line, so that it is there
# when the directory is not; as 8 its file of facts; as 9 a pipe that has no writer, to wait on
generation_open() {
  { command exec 7<"$LIB/finish.sh"; } 2>/dev/null
  { command exec 8<>"$FACTS"; } 2>/dev/null && FACTS_OPEN=1
  [ -p "$NAP_PIPE" ] && { command exec 9<>"$NAP_PIPE"; } 2>/dev/null && NAP_FD=9
  return 0
}

# facts_write TEXT: in place, so that neither a block nor an inode is needed
facts_write() { [ -z "$FACTS_OPEN" ] || { out "$1" >&8; } 2>/dev/null; }

# facts_read FILE -> FACTS_TEXT, empty where nothing was written
facts_read() {
  FACTS_TEXT=
  { read -r FACTS_TEXT <"$1"; } 2>/dev/null
  case $FACTS_TEXT in rc=*) ;; *) FACTS_TEXT= ;; esac
}

# hand_over WORD: goes on in this very process with finish.sh, which needs more than a recorder holds in memory: `exec` starts
# no process. It reads the facts from the claim.
hand_over() {
  IAPEER_IDENTITY=${KEY%-*} IAPEER_GEN=$GEN IAPEER_SERVER=$SERVER IAPEER_LIB=$LIB IAPEER_RECORD_DIR=$RECORD_DIR
  IAPEER_STATE_DIR=$STATE_DIR IAPEER_PLATFORM=$PLATFORM IAPEER_BOOT=$ARMED_BOOT IAPEER_CLOCK=$CLOCK
  export IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER IAPEER_LIB IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_PLATFORM IAPEER_BOOT \
    IAPEER_CLOCK
  export PATH
  # ksh hands on only what is named at the command.
  if [ -r /dev/fd/7 ]; then exec /bin/sh /dev/fd/7 "$1" 7<&7; else exec /bin/sh "$LIB/finish.sh" "$1"; fi
}

# generation_log STATE ORIGIN [REASON]: one canary line in lifecycle.log; a failure to log changes nothing
generation_log() {
  clock_now
  clock_iso
  { out "ts=$ISO ev=canary identity=$IDENTITY gen=$GEN state=$1 origin=$2${3:+ reason=$3}" >>"$RECORD_DIR/lifecycle.log"; } 2>/dev/null
}

server_is_gone() {
  process_check "$SERVER"
  [ "$ID_STATE" = gone ]
}

# is_dismissed: the marker names the recorder it is meant for; one that was left behind dismisses no other
is_dismissed() {
  marker_for=
  [ -e "$STATE.dismiss" ] || return 1
  { read -r marker_for <"$STATE.dismiss"; } 2>/dev/null
  [ "$marker_for" = "$SELF" ]
}

# report WORDS: to the launcher, who reads one line; then standard output is let go
report() {
  out "$*"
  exec >/dev/null
}
