# shellcheck shell=sh disable=SC2034,SC2153
# Generation: one run of one server, its files, and the state file and log lines of its recorder. Sourced.
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
  HOST_ROLE='' HOST_N=1 HOST_FILE='' HOST_TEXT='' HOST_KILLS='' HOST_COPIED=''
  CLAIMED='' LINED='' FACTS_OPEN='' NAP_FD='' NAP_WHOLE='' NAP_SPUN=''
  clock_set "$CLOCK"
  process_read $$
  SELF=$$:${P_TOKEN:--}
}

# generation_read_name -> IDENTITY: the present name. A rename writes this note before it changes anything else.
generation_read_name() {
  generation_read_name_note=
  { read -r generation_read_name_note <"$STATE_DIR/names/$GEN"; } 2>/dev/null
  case $generation_read_name_note in identity=?*) IDENTITY=${generation_read_name_note#identity=} ;; esac
}

# generation_out_setup: prints the settings of a recorder, as the state file and the baseline hold them
generation_out_setup() {
  out "lib=$LIB"
  out "record_dir=$RECORD_DIR"
  out "tmux=$TMUX_BIN"
  out "path=$PATH"
  out "clock=$CLOCK"
  out format=2
}

# generation_write_state: replaces the state file. A watch has a SOCKET_ID and a CLIENT.
generation_write_state() {
  {
    {
      out "mode=$MODE"
      out "recorder=$SELF"
      out "server=$SERVER"
      out "socket=$SOCKET"
      out "socket_id=${SOCKET_ID:--}"
      out "boot=$ARMED_BOOT"
      out "baseline=$BASELINE"
      [ "$MODE" = guard ] || out "client=${CLIENT:+$CLIENT:$P_TOKEN}"
      generation_out_setup
    } >"$STATE.$$.part" && mv -f "$STATE.$$.part" "$STATE"
  } 2>/dev/null
}

# generation_open: opens what the recorder keeps until it exits. 7: finish.sh, which then survives the removal of its directory;
# 8: the facts file; 9: a pipe without a writer, to wait on
generation_open() {
  { command exec 7<"$LIB/finish.sh"; } 2>/dev/null
  { command exec 8<>"$FACTS"; } 2>/dev/null && FACTS_OPEN=1
  [ -p "$NAP_PIPE" ] && { command exec 9<>"$NAP_PIPE"; } 2>/dev/null && NAP_FD=9
  return 0
}

# generation_hand_over WORD [HOST_ROLE]: executes finish.sh in this process (`exec` starts none); it reads the facts from the
# claim. A waiting recorder does not keep that code in memory.
generation_hand_over() {
  IAPEER_IDENTITY=${KEY%-*} IAPEER_GEN=$GEN IAPEER_SERVER=$SERVER IAPEER_LIB=$LIB IAPEER_RECORD_DIR=$RECORD_DIR
  IAPEER_STATE_DIR=$STATE_DIR IAPEER_PLATFORM=$PLATFORM IAPEER_BOOT=$ARMED_BOOT IAPEER_CLOCK=$CLOCK
  export IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER IAPEER_LIB IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_PLATFORM IAPEER_BOOT \
    IAPEER_CLOCK
  export PATH
  # ksh passes on only descriptors named at the command.
  if [ -r /dev/fd/7 ]; then exec /bin/sh /dev/fd/7 "$@" 7<&7; else exec /bin/sh "$LIB/finish.sh" "$@"; fi
}

# generation_log STATE ORIGIN [REASON]: appends a canary line to lifecycle.log; ignores failures
generation_log() {
  clock_read
  clock_format
  { out "ts=$ISO ev=canary identity=$IDENTITY gen=$GEN state=$1 origin=$2${3:+ reason=$3}" >>"$RECORD_DIR/lifecycle.log"; } 2>/dev/null
}

# generation_note_seen MS -> SEEN_ALIVE: MS as ISO time, for a death whose time is not known
generation_note_seen() {
  SEEN_ALIVE=
  case $1 in '' | *[!0-9]*) return 0 ;; esac
  generation_note_seen_now=$NOW
  clock_split "$1"
  clock_format
  SEEN_ALIVE=$ISO
  NOW=$generation_note_seen_now
  clock_split "$NOW"
}

generation_is_gone() {
  process_check "$SERVER"
  [ "$ID_STATE" = gone ]
}

# generation_is_dismissed: the marker names this very recorder; a stale one for another recorder does not count
generation_is_dismissed() {
  generation_is_dismissed_for=
  [ -e "$STATE.dismiss" ] || return 1
  { read -r generation_is_dismissed_for <"$STATE.dismiss"; } 2>/dev/null
  [ "$generation_is_dismissed_for" = "$SELF" ]
}

# generation_report WORDS: prints one line for the launcher, then closes its pipe
generation_report() {
  out "$*"
  exec >/dev/null
}
