# shellcheck shell=sh disable=SC2034,SC2153
# Generation: one run of one server, and its files. Sourced.
#
# Inputs   IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER=<pid>:<token> IAPEER_RECORD_DIR IAPEER_STATE_DIR
#          IAPEER_LIB (directory of these scripts) IAPEER_PLATFORM (linux | darwin) IAPEER_BOOT (at arming) IAPEER_CLOCK
#          IAPEER_RECORDER IAPEER_CLAIM_MS IAPEER_SEEN_MS (settle.sh has these)
# Outputs  the paths; KEY, the name of its files, which a rename of the peer does not change; IDENTITY, its present name

# generation_set: sets the variables from the inputs
generation_set() {
  GEN=$IAPEER_GEN SERVER=$IAPEER_SERVER LIB=$IAPEER_LIB IDENTITY=$IAPEER_IDENTITY KEY=$IAPEER_IDENTITY-$IAPEER_GEN
  RECORD_DIR=$IAPEER_RECORD_DIR STATE_DIR=$IAPEER_STATE_DIR PLATFORM=${IAPEER_PLATFORM:-linux} ARMED_BOOT=$IAPEER_BOOT
  KNOWN_RECORDER=${IAPEER_RECORDER:-} EVENT=server MODE=watch CLOCK=${IAPEER_CLOCK:-} CLAIM_MS=${IAPEER_CLAIM_MS:-}
  SEEN_MS=${IAPEER_SEEN_MS:-} SEEN_ALIVE=
  unset IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER IAPEER_LIB IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_PLATFORM IAPEER_BOOT \
    IAPEER_RECORDER IAPEER_CLOCK IAPEER_CLAIM_MS IAPEER_SEEN_MS
  SERVER_PID=${SERVER%%:*} SERVER_TOKEN=${SERVER#*:}
  STATE=$STATE_DIR/canary/$KEY
  BASELINE=$STATE.baseline
  NAP_PIPE=$STATE.$$.nap
  CLOCK_FILE=$STATE_DIR/clock CLOCK_BOOT=${ARMED_BOOT%%[-/]*}
  FACTS=$STATE.facts
  LEADER_FACTS=$STATE.leader-facts
  INTENT=$STATE_DIR/intent/$KEY
  DEATHS=$RECORD_DIR/server-deaths
  CLAIM=$DEATHS/$KEY.claim
  SNAPSHOT=$DEATHS/$KEY.txt
  EARLY=$DEATHS/$KEY.early
  WITNESS=$DEATHS/$KEY.witness
  # Shared by every identity that this server is watched under.
  SERVER_MARK='' SERVER_INTENT=
  case $SERVER_PID in
    '' | *[!0-9]*) ;;
    *)
      SERVER_MARK=$DEATHS/${ARMED_BOOT%%[-/]*}-$SERVER_PID-$SERVER_TOKEN.server
      SERVER_INTENT=$STATE_DIR/intent/${SERVER_MARK##*/}
      ;;
  esac
  HOST_ROLE='' HOST_N=1 HOST_FILE='' HOST_TEXT='' HOST_COPY='' HOST_UNCOPIED='' HOST_KILLS='' HOST_COPIED='' HOST_MANY=''
  CLAIMED='' LINED='' FACTS_OPEN='' NAP_FD='' NAP_WHOLE='' NAP_SPUN=''
  clock_set "$CLOCK"
  process_read $$
  SELF=$$:${P_TOKEN:--}
}

# generation_open: opens what the recorder keeps until it exits. 8: the facts file; 9: a pipe without a writer, to wait on
generation_open() {
  { command exec 8<>"$FACTS"; } 2>/dev/null && FACTS_OPEN=1
  [ -p "$NAP_PIPE" ] && { command exec 9<>"$NAP_PIPE"; } 2>/dev/null && NAP_FD=9
  return 0
}

# generation_report WORDS: prints one line for the launcher, then closes its pipe
generation_report() {
  out "$*"
  exec >/dev/null
}
