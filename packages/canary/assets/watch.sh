#!/bin/sh
# shellcheck disable=SC1091,SC2030,SC2031,SC2034,SC2094,SC2153,SC2154,SC2317
# Watch: the recorder of a tmux server that was already running. It outlives the server and records its death.
#
# It runs one client, `tmux wait-for iap-canary-<identity>`. When the client exits, the watch checks the server: only the
# server's own process (pid + start token) decides whether it died.
#
# Inputs   those of generation.sh, and IAPEER_SOCKET IAPEER_SOCKET_ID (dev:inode) IAPEER_TMUX (absolute path)
# Output   one line: `spawned` | `already` | `failed <reason>`; then standard output is closed
# Exit     0 the server's death is settled, or the watch was dismissed, or another recorder holds the lease; 1 not armed
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   arming     tool-missing  -> refused          report the tool, exit 1
#   arming     held          -> refused          report already, exit 0: another recorder holds the lease
#   arming     unwritable    -> refused          report the directory, exit 1
#   arming     server-gone   -> refused          report it, return the lease, exit 1
#   arming     armed         -> watching         report spawned, write the baseline
#   watching   client-ended  -> looking          note its exit code
#   watching   no-client     -> polling          check the process every 200 ms, later every second
#   looking    dismissed     -> finish leaving   nothing
#   looking    server-gone   -> record settling  settle its death
#   looking    server-lives  -> replacing        wait 200 ms if clients exit at once
#   polling    dismissed     -> finish leaving   nothing
#   polling    server-gone   -> record settling  settle its death
#   polling    server-lives  -> replacing        nothing
#   replacing  connected     -> watching         log rearmed
#   replacing  unconnected   -> watching         nothing: this client names no server, or another one
# End of states.

# watch_start_client -> CLIENT (pid or empty), ANSWER (the pid of the server it is connected to, or empty).
# One connection both reports its server and waits, so a successor on the same socket is never taken for the original.
# The pipe is first opened for reading and writing: no open blocks, and reading ends when the client exits.
watch_start_client() {
  CLIENT='' ANSWER='' CLIENT_PIPE=$STATE.$$.pipe
  command eval watch_open_pipe 2>/dev/null || return 0
  command eval watch_run_client 2>/dev/null || CLIENT=
  exec 3>&-
  [ -z "$ARMED" ] || watch_write_state
  read -r ANSWER <&4
  exec 4<&-
}

# watch_open_pipe -> descriptors 3 (write) and 4 (read)
watch_open_pipe() {
  mkfifo -m 600 "$CLIENT_PIPE" || return 1
  { command exec 3<>"$CLIENT_PIPE" 4<"$CLIENT_PIPE"; } || { rm -f "$CLIENT_PIPE"; return 1; }
  rm -f "$CLIENT_PIPE"
}

watch_run_client() {
  "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}' \; wait-for "iap-canary-$CHANNEL" </dev/null >&3 2>/dev/null 3>&- 4<&- 8>&- 9<&- &
  CLIENT=$!
}

# watch_stop_client: SIGKILL, because a stopped client handles no other signal. Its exit code is not used.
watch_stop_client() {
  [ -z "$CLIENT" ] || { kill -KILL "$CLIENT" && wait "$CLIENT"; } 2>/dev/null
  CLIENT=
}

watch_write_state() {
  P_TOKEN=
  [ -z "$CLIENT" ] || process_read "$CLIENT"
  command eval generation_write_state 2>/dev/null && return 0
  rm -f "$STATE.$$.part"
  return 1
}

watch_is_gone() {
  process_check "$SERVER"
  [ "$ID_STATE" = gone ]
}

# watch_look_gone COUNT SECONDS: 0 the server is gone. Repeats the check COUNT times, SECONDS apart.
watch_look_gone() {
  watch_look_gone_left=$1
  while ! watch_is_gone; do
    [ "$watch_look_gone_left" -gt 0 ] || return 1
    watch_look_gone_left=$((watch_look_gone_left - 1))
    clock_nap "$2"
  done
}

# watch_give_up REASON: undoes a failed arming; the files of a lost predecessor stay for settling
watch_give_up() {
  watch_stop_client
  generation_report failed "$1"
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && lease_return "$STATE.lease")
  rm -f "$NAP_PIPE" "$FACTS"
  exit "$EXIT_FAILED"
}

# watch_take_lease: takes the lease and prepares the files; exits if another recorder holds the lease
watch_take_lease() {
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && arming_prepare)
  case $? in
    0) ;;
    "$NO_TOOL")
      : at watch arming tool-missing
      exit "$EXIT_FAILED"
      ;;
    "$TAKEN")
      : at watch arming held
      generation_report already
      exit 0
      ;;
    *)
      : at watch arming unwritable
      generation_report failed "cannot write in $STATE_DIR/canary"
      exit "$EXIT_FAILED"
      ;;
  esac
}

# watch_arm: reports `spawned` only once armed. If a running server accepts no client (it is unresponsive, or the pipe cannot
# be made), the watch polls its process.
watch_arm() {
  if watch_is_gone; then
    : at watch arming server-gone
    watch_give_up 'the server exited before the watch was set up'
  fi
  watch_start_client
  ARMED=1
  generation_open
  if ! watch_write_state; then
    : at watch arming unwritable
    watch_give_up "cannot write $STATE"
  fi
  : at watch arming armed
  generation_report spawned
  (IAPEER_LIB=$LIB && . "$LIB/evidence-baseline.sh" && evidence_write_baseline && rm -f "$NAP_PIPE")
}

# watch_wait -> RC: the exit code of the last client that was connected to the original server. 0 that server is gone; DISMISSED
watch_wait() {
  RC=unknown QUICK_ENDS=0 LAST_END=
  while :; do
    if [ -n "$CLIENT" ] && [ "$ANSWER" = "$SERVER_PID" ]; then
      wait "$CLIENT"
      RC=$?
      [ "$RC" -le 255 ] || RC=$((RC - 128))
      CLIENT=
      : at watch watching client-ended
      watch_look
    else
      : at watch watching no-client
      watch_poll
    fi
    watch_wait_code=$?
    [ $watch_wait_code -eq "$LATER" ] || return $watch_wait_code
    watch_start_client
    if [ "$ANSWER" = "$SERVER_PID" ]; then
      : at watch replacing connected
      POLL_PAUSE=0.2
      [ $QUICK_ENDS -ge 3 ] || generation_log rearmed self
    else
      : at watch replacing unconnected
    fi
  done
}

# watch_look: the client has exited. 0 the server is gone; DISMISSED; LATER the server is running
watch_look() {
  if generation_is_dismissed; then
    : at watch looking dismissed
    return "$DISMISSED"
  fi
  # A killed client says nothing about the server: check once. A client that exits may do so just before its server.
  set -- 15 0.01
  [ "$RC" -lt 128 ] || set -- 0 0
  if watch_look_gone "$@" || watch_slow_down; then
    : at watch looking server-gone
    return 0
  fi
  : at watch looking server-lives
  return "$LATER"
}

# watch_slow_down: from the fourth client that exits within one second (a latched or often signalled channel), waits before the
# next. 0 the server is gone
watch_slow_down() {
  clock_read
  if [ "$NOW_S" = "$LAST_END" ]; then QUICK_ENDS=$((QUICK_ENDS + 1)); else QUICK_ENDS=0; fi
  LAST_END=$NOW_S
  [ $QUICK_ENDS -ge 3 ] && watch_look_gone 1 0.2
}

# watch_poll: without a client, checks the process every 200 ms, later every second. 0 the server is gone; DISMISSED;
# LATER try a client again
watch_poll() {
  watch_stop_client
  watch_poll_left=5
  while [ $watch_poll_left -gt 0 ]; do
    if watch_is_gone; then
      : at watch polling server-gone
      return 0
    fi
    if generation_is_dismissed; then
      : at watch polling dismissed
      return "$DISMISSED"
    fi
    clock_nap "$POLL_PAUSE"
    watch_poll_left=$((watch_poll_left - 1))
  done
  POLL_PAUSE=1
  : at watch polling server-lives
  return "$LATER"
}

watch_set() {
  SOCKET=$IAPEER_SOCKET SOCKET_ID=$IAPEER_SOCKET_ID TMUX_BIN=$IAPEER_TMUX CHANNEL=$IAPEER_IDENTITY POLL_PAUSE=0.2 ARMED=
  unset IAPEER_SOCKET IAPEER_SOCKET_ID IAPEER_TMUX
  generation_set
}

# watch_settle -> FINISH: the server is gone, or the watch was dismissed
watch_settle() {
  if [ "$WATCH_CODE" -eq 0 ]; then
    record_settle "$RC"
  else
    watch_stop_client
    FINISH=leave
  fi
}

set -f
umask 077
trap '' HUP INT QUIT TERM PIPE
# A shell reads its script as it goes: it holds in memory what it has come to, and no more. What is needed after the line comes after
# the wait.
. "$IAPEER_LIB/codes.sh"
. "$IAPEER_LIB/logfmt.sh"
. "$IAPEER_LIB/process.sh"
. "$IAPEER_LIB/clock.sh"
. "$IAPEER_LIB/generation.sh"
. "$IAPEER_LIB/process-check.sh"
. "$IAPEER_LIB/clock-nap.sh"
. "$IAPEER_LIB/clock-format.sh"
. "$IAPEER_LIB/generation-write.sh"
. "$IAPEER_LIB/generation-end.sh"
. "$IAPEER_LIB/claim-facts.sh"
. "$IAPEER_LIB/record-note.sh"
. "$IAPEER_LIB/logfmt-quote.sh"
. "$IAPEER_LIB/intent.sh"
. "$IAPEER_LIB/cause-witness.sh"
. "$IAPEER_LIB/claim.sh"
. "$IAPEER_LIB/host-lease.sh"
. "$IAPEER_LIB/record.sh"
watch_set
watch_take_lease
watch_arm
watch_wait
WATCH_CODE=$?
watch_settle
. "$IAPEER_LIB/evidence.sh"
. "$IAPEER_LIB/host-sections.sh"
. "$IAPEER_LIB/completion-files.sh"
. "$IAPEER_LIB/finish.sh"
finish_run
exit
