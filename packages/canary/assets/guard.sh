#!/bin/sh
# shellcheck disable=SC1091,SC2030,SC2031,SC2034,SC2153,SC2154
# Guard: the recorder that is the parent of a tmux server. It starts `tmux -D` and waits for its true wait status.
#
# It is not a client of the server, and the server has its own session where `setsid` exists: nothing that happens to this
# process affects the server. Signals are ignored, not trapped: a trap corrupts `wait` in several shells.
#
# Inputs   those of generation.sh except IAPEER_SERVER; IAPEER_SOCKET IAPEER_TMUX (absolute path) IAPEER_SCRIPT_PATH
#          (the PATH of this script) IAPEER_SETSID (absolute path, or empty); the rest of the environment is the server's.
#          Standard input: the launcher writes `ready` after it has checked the server, `failed` if it aborts the launch
# Output   `server <pid>:<token>`, then `started` | `failed <reason>`; `ended <wait status> <message>` if the server exits before
#          the launcher closes the pipe
# Exit     0 the server's death is settled, or the launch was aborted; 1 not started
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   arming    tool-missing     -> refused          kill the server, report the tool, exit 1
#   arming    unwritable       -> refused          kill the server, report the directory, exit 1
#   arming    armed            -> waiting          report started, write the baseline, wait for the server
#   waiting   server-ended     -> deciding         report the wait status to a launcher that is still reading
#   deciding  dismissed        -> finish leaving   nothing
#   deciding  launch-given-up  -> finish leaving   nothing
#   deciding  server-counted   -> record settling  settle its death
# End of states.

# guard_start_server: must run before any assignment, also those of the library, because a variable that came with the
# environment stays exported and would reach the server. So would a changed umask.
guard_start_server() {
  (umask 077 && : >"$IAPEER_STATE_DIR/canary/$IAPEER_IDENTITY-$IAPEER_GEN.$$.out")
  (
    unset IAPEER_IDENTITY IAPEER_GEN IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_LIB IAPEER_PLATFORM IAPEER_BOOT IAPEER_SCRIPT_PATH \
      IAPEER_SERVER IAPEER_RECORDER IAPEER_CLOCK
    set -- ${IAPEER_SETSID:+"$IAPEER_SETSID"} "$IAPEER_TMUX" -S "$IAPEER_SOCKET" -f /dev/null -D
    unset IAPEER_SETSID IAPEER_TMUX IAPEER_SOCKET
    [ "${MALLOC_TOP_PAD_:-}" != 524288 ] || unset MALLOC_TOP_PAD_
    exec "$@"
  ) </dev/null >"$IAPEER_STATE_DIR/canary/$IAPEER_IDENTITY-$IAPEER_GEN.$$.out" 2>&1 &
}

# guard_clear_environment: unsets variables that the recorder's functions read before they set them
guard_clear_environment() {
  unset CGROUP_V1 CGROUP_V2 CGROUP_PIDS CGROUP_ROOT SYSTEMD_DIR SYSTEM_REPORTS ARMED SIGNAL EARLY_DONE FORK_FAILED LINE_TORN \
    KNOWN_TIME SOCKET_ID MALLOC_TOP_PAD_
  PATH=$IAPEER_SCRIPT_PATH
  LC_ALL=C
}

guard_name_server() {
  SERVER_PID=$1
  process_read "$SERVER_PID"
  SERVER_TOKEN=$P_TOKEN
  SERVER=$SERVER_PID:$SERVER_TOKEN
}

# guard_give_up REASON: kills the server and exits; an empty reason was reported already
guard_give_up() {
  kill -KILL "$SERVER_PID"
  [ -z "$1" ] || generation_report failed "$1"
  exit "$EXIT_FAILED"
}

# guard_wait -> RC: the wait status; for a signal 128 + its number (ksh93: 256 + its number)
guard_wait() {
  wait "$SERVER_PID"
  RC=$?
  [ "$RC" -le 255 ] || RC=$((RC - 128))
  [ "$RC" -le 255 ] || RC=unknown
}

# guard_arm: takes the lease, writes state file and baseline
guard_arm() {
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && arming_prepare && { generation_write_state || exit "$UNWRITABLE"; })
  case $? in
    0) ;;
    "$NO_TOOL")
      : at guard arming tool-missing
      guard_give_up ''
      ;;
    *)
      : at guard arming unwritable
      guard_give_up "cannot write in $STATE_DIR/canary"
      ;;
  esac
  generation_open
  : at guard arming armed
  out started
  (IAPEER_LIB=$LIB && . "$LIB/evidence-baseline.sh" && evidence_write_baseline && rm -f "$NAP_PIPE")
}

# guard_begin: what precedes the assignments of the library
guard_begin() {
  set -f
  trap '' HUP INT QUIT TERM PIPE
  guard_start_server
  umask 077
  guard_clear_environment
}

guard_set() {
  guard_name_server $!
  out "server $SERVER"
  SOCKET=$IAPEER_SOCKET TMUX_BIN=$IAPEER_TMUX IAPEER_SERVER=$SERVER
  unset IAPEER_SOCKET IAPEER_TMUX IAPEER_SCRIPT_PATH IAPEER_SETSID
  generation_set
  MODE=guard
}

guard_begin
# A shell reads its script as it goes: it holds in memory what it has come to, and no more. So what a guard needs when its server
# has ended comes after the wait.
. "$IAPEER_LIB/codes.sh"
. "$IAPEER_LIB/logfmt.sh"
. "$IAPEER_LIB/process.sh"
. "$IAPEER_LIB/clock.sh"
. "$IAPEER_LIB/generation.sh"
. "$IAPEER_LIB/claim-facts.sh"
. "$IAPEER_LIB/record-note.sh"
guard_set
guard_arm
guard_wait
: at guard waiting server-ended
record_note "$RC"
. "$IAPEER_LIB/process-check.sh"
. "$IAPEER_LIB/clock-nap.sh"
. "$IAPEER_LIB/clock-format.sh"
. "$IAPEER_LIB/generation-end.sh"
. "$IAPEER_LIB/logfmt-quote.sh"
. "$IAPEER_LIB/intent.sh"
. "$IAPEER_LIB/cause-witness.sh"
. "$IAPEER_LIB/claim.sh"
. "$IAPEER_LIB/host-lease.sh"
. "$IAPEER_LIB/record.sh"

# guard_was_launched: EOF without `failed` means that the launch was not aborted, so the death is recorded
guard_was_launched() {
  guard_was_launched_word=
  read -r guard_was_launched_word
  [ "$guard_was_launched_word" != failed ]
}

# guard_settle -> FINISH: the server exited with the wait status RC
guard_settle() {
  record_await_descriptors
  guard_settle_message=
  { read -r guard_settle_message <"$STATE.$$.out"; } 2>/dev/null
  generation_report ended "$RC" "$guard_settle_message"
  if generation_is_dismissed; then
    : at guard deciding dismissed
    FINISH=leave
  elif guard_was_launched; then
    : at guard deciding server-counted
    record_settle "$RC"
  else
    : at guard deciding launch-given-up
    FINISH=leave
  fi
}

guard_settle
. "$IAPEER_LIB/evidence.sh"
. "$IAPEER_LIB/host-sections.sh"
. "$IAPEER_LIB/completion-files.sh"
. "$IAPEER_LIB/finish.sh"
finish_run
exit
