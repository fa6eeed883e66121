#!/bin/sh
# shellcheck disable=SC1091,SC2030,SC2031,SC2034,SC2094,SC2153,SC2154,SC2317
# Watch: the recorder of a running tmux server that we did not start. It outlives the server and records its death.
#
# It holds one client, `tmux wait-for iap-canary-<identity>`. The client's end means: look at the server. Only the
# server's own process (pid + start token) decides whether it died.
#
# Inputs   those of generation.sh, and IAPEER_SOCKET IAPEER_SOCKET_ID (dev:inode) IAPEER_TMUX (absolute path)
# Output   one line: `spawned` | `already` | `failed <reason>`; then standard output is let go
# Exit     0 the server's end is settled, or the watch was dismissed, or another recorder holds it; 1 not armed

# watch_start_client -> CLIENT (pid or empty), ANSWER (the pid of the server it is connected to, or empty).
# One connection both names its server and waits, so a successor on the same socket is never taken for the original.
# The pipe is opened for reading and writing first: nothing here can block, and the client's end is an end of file.
watch_start_client() {
  CLIENT='' ANSWER='' CLIENT_PIPE=$STATE.$$.pipe
  command eval watch_open_pipe 2>/dev/null || return 0
  command eval watch_run_client 2>/dev/null || CLIENT=
  exec 3>&-
  [ -z "$ARMED" ] || watch_write_state
  read -r ANSWER <&4
  exec 4<&-
}

# watch_open_pipe -> 3 and 4, the two ends
watch_open_pipe() {
  mkfifo -m 600 "$CLIENT_PIPE" || return 1
  { command exec 3<>"$CLIENT_PIPE" 4<"$CLIENT_PIPE"; } || { rm -f "$CLIENT_PIPE"; return 1; }
  rm -f "$CLIENT_PIPE"
}

watch_run_client() {
  "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}' \; wait-for "iap-canary-$CHANNEL" </dev/null >&3 2>/dev/null 3>&- 4<&- 7<&- 8>&- 9<&- &
  CLIENT=$!
}

# watch_stop_client: KILL, because a stopped client would never hear of anything else; it is our child, and nothing is
# concluded from its end.
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

# watch_look_gone TIMES SECONDS: looks at the server that often
watch_look_gone() {
  watch_look_gone_left=$1
  while ! generation_is_gone; do
    [ "$watch_look_gone_left" -gt 0 ] || return 1
    watch_look_gone_left=$((watch_look_gone_left - 1))
    clock_nap "$2"
  done
}

# watch_give_up REASON: nothing was armed; what a lost predecessor left stays for settling
watch_give_up() {
  watch_stop_client
  generation_report failed "$1"
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && lease_return "$STATE.lease")
  rm -f "$NAP_PIPE" "$FACTS"
  exit "$EXIT_FAILED"
}

# watch_take_lease: the lease and the files; ends where this recorder is not the one
watch_take_lease() {
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && arming_prepare)
  case $? in
    0) ;;
    "$NO_TOOL") exit "$EXIT_FAILED" ;;
    "$TAKEN")
      generation_report already
      exit 0
      ;;
    *)
      generation_report failed "cannot write in $STATE_DIR/canary"
      exit "$EXIT_FAILED"
      ;;
  esac
}

# watch_arm: the launcher hears of a watch only when there is one. Where no client can be had of a server that lives
# (an unresponsive one, a pipe that cannot be made), the watch polls the process.
watch_arm() {
  generation_is_gone && watch_give_up 'the server exited before the watch was set up'
  watch_start_client
  ARMED=1
  generation_open
  watch_write_state || watch_give_up "cannot write $STATE"
  generation_report spawned
  (IAPEER_LIB=$LIB && . "$LIB/evidence.sh" && evidence_write_baseline && rm -f "$NAP_PIPE")
}

# watch_wait -> RC, the exit code of the last client that was connected to the original server, once that server is gone.
# Returns 1 when the watch was dismissed.
watch_wait() {
  RC=unknown QUICK_ENDS=0 LAST_END=
  while :; do
    if [ -n "$CLIENT" ] && [ "$ANSWER" = "$SERVER_PID" ]; then
      wait "$CLIENT"
      RC=$?
      [ "$RC" -le 255 ] || RC=$((RC - 128))
      CLIENT=
      generation_is_dismissed && return 1
      # A client that was killed says nothing of the server: look once. Any other end may come before the server's own.
      if [ "$RC" -ge 128 ]; then watch_look_gone 0 0 && return 0; else watch_look_gone 15 0.01 && return 0; fi
      watch_slow_down
    else
      watch_poll || return $?
    fi
    generation_is_dismissed && return 1
    generation_is_gone && return 0
    watch_start_client
    if [ "$ANSWER" = "$SERVER_PID" ]; then
      POLL_PAUSE=0.2
      [ $QUICK_ENDS -ge 3 ] || generation_log rearmed self
    fi
  done
}

# watch_slow_down: clients that exit at once (a latched or a hammered channel) are replaced at growing intervals
watch_slow_down() {
  clock_read
  if [ "$NOW_S" = "$LAST_END" ]; then QUICK_ENDS=$((QUICK_ENDS + 1)); else QUICK_ENDS=0; fi
  LAST_END=$NOW_S
  [ $QUICK_ENDS -lt 3 ] || watch_look_gone 1 0.2
}

# watch_poll: no client can be had; look at the process itself, 200 ms apart and then 1 s. 0 try a client again or the
# server is gone, 1 dismissed
watch_poll() {
  watch_stop_client
  watch_poll_left=5
  while [ $watch_poll_left -gt 0 ]; do
    generation_is_gone && return 0
    generation_is_dismissed && return 1
    clock_nap "$POLL_PAUSE"
    watch_poll_left=$((watch_poll_left - 1))
  done
  POLL_PAUSE=1
}

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  . "$IAPEER_LIB/core.sh"
  SOCKET=$IAPEER_SOCKET SOCKET_ID=$IAPEER_SOCKET_ID TMUX_BIN=$IAPEER_TMUX CHANNEL=$IAPEER_IDENTITY POLL_PAUSE=0.2 ARMED=
  unset IAPEER_SOCKET IAPEER_SOCKET_ID IAPEER_TMUX
  generation_set
  watch_take_lease
  watch_arm
  if watch_wait; then
    record_settle "$RC"
  else
    watch_stop_client
    generation_hand_over leave
  fi
}

main
exit
