#!/bin/sh
# shellcheck disable=SC1091,SC2030,SC2031,SC2094,SC2153,SC2154,SC2317
# Watch: the recorder of a running tmux server that we did not start. It outlives the server and records its death.
#
# It holds one client, `tmux wait-for iap-canary-<identity>`. The client's end means: look at the server. Only the
# server's own process (pid + start token) decides whether it died.
#
# Inputs   those of generation.sh, and IAPEER_SOCKET IAPEER_SOCKET_ID (dev:inode) IAPEER_TMUX (absolute path)
# Output   one line: `spawned` | `already` | `failed <reason>`; then standard output is let go
# Exit     0 the server's end is settled, or the watch was dismissed, or another recorder holds it; 1 not armed

# start_client -> CLIENT (pid or empty), ANSWER (the pid of the server it is connected to, or empty).
# One connection both names its server and waits, so a successor on the same socket is never taken for the original.
# The pipe is opened for reading and writing first: nothing here can block, and the client's end is an end of file.
start_client() {
  CLIENT='' ANSWER='' a_pipe=$STATE.$$.pipe
  command eval open_client_pipe 2>/dev/null || return 0
  command eval run_client 2>/dev/null || CLIENT=
  exec 3>&-
  [ -z "$ARMED" ] || write_watch_state
  read -r ANSWER <&4
  exec 4<&-
}

# open_client_pipe -> 3 and 4, the two ends
open_client_pipe() {
  mkfifo -m 600 "$a_pipe" || return 1
  { command exec 3<>"$a_pipe" 4<"$a_pipe"; } || { rm -f "$a_pipe"; return 1; }
  rm -f "$a_pipe"
}

run_client() {
  "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}' \; wait-for "iap-canary-$CHANNEL" </dev/null >&3 2>/dev/null 3>&- 4<&- 7<&- 8>&- 9<&- &
  CLIENT=$!
}

# KILL, because a stopped client would never hear of anything else; it is our child, and nothing is concluded from its end.
stop_client() {
  [ -z "$CLIENT" ] || { kill -KILL "$CLIENT" && wait "$CLIENT"; } 2>/dev/null
  CLIENT=
}

write_watch_state() {
  P_TOKEN=
  [ -z "$CLIENT" ] || process_look "$CLIENT"
  command eval put_watch_state 2>/dev/null && return 0
  rm -f "$STATE.$$.part"
  return 1
}

put_watch_state() {
  {
    out mode=watch
    out "recorder=$SELF"
    out "server=$SERVER"
    out "socket=$SOCKET"
    out "socket_id=$SOCKET_ID"
    out "boot=$ARMED_BOOT"
    out "baseline=$BASELINE"
    out "client=${CLIENT:+$CLIENT:$P_TOKEN}"
    out "lib=$LIB"
    out "record_dir=$RECORD_DIR"
    out "tmux=$TMUX_BIN"
    out "path=$PATH"
    out "clock=$CLOCK"
    out format=2
  } >"$STATE.$$.part" && mv -f "$STATE.$$.part" "$STATE"
}

# gone_within TIMES SECONDS: looks at the server that often
gone_within() {
  g_times=$1
  while ! server_is_gone; do
    [ "$g_times" -gt 0 ] || return 1
    g_times=$((g_times - 1))
    clock_nap "$2"
  done
}

# give_up REASON: nothing was armed; what a lost predecessor left stays for settling
give_up() {
  stop_client
  report failed "$1"
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && lease_return "$STATE.lease")
  rm -f "$NAP_PIPE" "$FACTS"
  exit 1
}

# arm: the launcher hears of a watch only when there is one. Where no client can be had of a server that lives
# (an unresponsive one, a pipe that cannot be made), the watch polls the process.
arm() {
  server_is_gone && give_up 'the server exited before the watch was set up'
  start_client
  ARMED=1
  generation_open
  write_watch_state || give_up "cannot write $STATE"
  report spawned
  (. "$LIB/evidence.sh" && baseline_write && rm -f "$NAP_PIPE")
}

# watch -> RC, the exit code of the last client that was connected to the original server, once that server is gone.
# Returns 1 when the watch was dismissed.
watch() {
  RC=unknown quick=0 last=
  while :; do
    if [ -n "$CLIENT" ] && [ "$ANSWER" = "$SERVER_PID" ]; then
      wait "$CLIENT"
      RC=$?
      [ "$RC" -le 255 ] || RC=$((RC - 128))
      CLIENT=
      is_dismissed && return 1
      # A client that was killed says nothing of the server: look once. Any other end may come before the server's own.
      if [ "$RC" -ge 128 ]; then gone_within 0 0 && return 0; else gone_within 15 0.01 && return 0; fi
      slow_down
    else
      poll || return $?
    fi
    is_dismissed && return 1
    server_is_gone && return 0
    start_client
    if [ "$ANSWER" = "$SERVER_PID" ]; then
      POLL_PAUSE=0.2
      [ $quick -ge 3 ] || generation_log rearmed self
    fi
  done
}

# slow_down: clients that exit at once (a latched or a hammered channel) are replaced at growing intervals
slow_down() {
  clock_now
  if [ "$NOW_S" = "$last" ]; then quick=$((quick + 1)); else quick=0; fi
  last=$NOW_S
  [ $quick -lt 3 ] || gone_within 1 0.2
}

# poll: no client can be had; look at the process itself, 200 ms apart and then 1 s. 0 try a client again or the
# server is gone, 1 dismissed
poll() {
  stop_client
  d_left=5
  while [ $d_left -gt 0 ]; do
    server_is_gone && return 0
    is_dismissed && return 1
    clock_nap "$POLL_PAUSE"
    d_left=$((d_left - 1))
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
  generation_names
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && arm_files)
  case $? in
    0) ;;
    3) exit 1 ;;
    1)
      report already
      exit 0
      ;;
    *)
      report failed "cannot write in $STATE_DIR/canary"
      exit 1
      ;;
  esac
  arm
  if watch; then
    settle "$RC"
  else
    stop_client
    hand_over leave
  fi
}

main
exit
