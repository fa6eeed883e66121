#!/bin/sh
# shellcheck disable=SC1091,SC2094,SC2153,SC2154
# Watch: the recorder of a running tmux server that we did not start. It outlives the server and records its death.
#
# It holds one client, `tmux wait-for iap-canary-<identity>`. The client's end means: look at the server. Only the
# server's own process (pid + start token) decides whether it died.
#
# Inputs   those of record.sh, and IAPEER_SOCKET IAPEER_SOCKET_ID (dev:inode) IAPEER_TMUX (absolute path)
# Output   one line: `spawned` | `already` | `failed <reason>`; then standard output is let go
# Exit     0 the server's end is settled, or the watch was dismissed, or another recorder holds it; 1 not armed

# start_client -> CLIENT (pid or empty), ANSWER (the pid of the server it is connected to, or empty).
# One connection both names its server and waits, so a successor on the same socket is never taken for the original.
# The pipe is opened for reading and writing first: nothing here can block, and the client's end is an end of file.
start_client() {
  CLIENT='' ANSWER='' a_pipe=$STATE.$$.pipe
  mkfifo -m 600 "$a_pipe" 2>/dev/null || return 0
  { command exec 3<>"$a_pipe" 4<"$a_pipe"; } 2>/dev/null || { rm -f "$a_pipe"; return 0; }
  rm -f "$a_pipe"
  "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}' \; wait-for "iap-canary-$IDENTITY" </dev/null >&3 2>/dev/null 3>&- 4<&- &
  CLIENT=$!
  exec 3>&-
  [ -z "$ARMED" ] || write_state
  read -r ANSWER <&4
  exec 4<&-
}

# KILL, because a stopped client would never hear of anything else; it is our child, and nothing is concluded from its end.
stop_client() {
  [ -z "$CLIENT" ] || { kill -KILL "$CLIENT" && wait "$CLIENT"; } 2>/dev/null
  CLIENT=
}

write_state() {
  P_TOKEN=
  [ -z "$CLIENT" ] || proc_look "$CLIENT"
  {
    printf 'mode=watch\nrecorder=%s\nserver=%s\nsocket=%s\nsocket_id=%s\nboot=%s\nbaseline=%s\nclient=%s\nlib=%s\nrecord_dir=%s\ntmux=%s\npath=%s\n' \
      "$SELF" "$SERVER" "$SOCKET" "$SOCKET_ID" "$ARMED_BOOT" "$BASELINE" "${CLIENT:+$CLIENT:$P_TOKEN}" "$LIB" "$RECORD_DIR" "$TMUX_BIN" "$PATH" >"$STATE.$$.part" &&
      mv -f "$STATE.$$.part" "$STATE"
  } 2>/dev/null && return 0
  rm -f "$STATE.$$.part"
  return 1
}

# gone_within TIMES SECONDS: looks at the server that often
gone_within() {
  g_times=$1
  while ! server_gone; do
    [ "$g_times" -gt 0 ] || return 1
    g_times=$((g_times - 1))
    nap "$2"
  done
}

# give_up REASON: nothing was armed; what a lost predecessor left stays for settling
give_up() {
  stop_client
  tell failed "$1"
  rm -f "$STATE.lease$LEASE_N"
  exit 1
}

# arm: nobody is told that there is a watch before there is one. Where no client can be had of a server that lives
# (a deaf one, a pipe that cannot be made), the watch polls the process.
arm() {
  server_gone && give_up 'the server ended before the watch was set up'
  start_client
  ARMED=1
  write_state || give_up "cannot write $STATE"
  tell spawned
  write_baseline
}

# watch -> RC, the exit code of the last client that was connected to the original server, once that server is gone.
# Returns 1 when the watch was dismissed.
watch() {
  RC=unknown quick=0 last=
  while :; do
    if [ -n "$CLIENT" ] && [ "$ANSWER" = "$SERVER_PID" ]; then
      wait "$CLIENT"
      RC=$?
      CLIENT=
      dismissed && return 1
      # A client that was killed says nothing of the server: look once. Any other end may come before the server's own.
      if [ $RC -ge 128 ]; then gone_within 0 0 && return 0; else gone_within 15 0.01 && return 0; fi
      slow_down
    else
      deaf || return $?
    fi
    dismissed && return 1
    server_gone && return 0
    start_client
    if [ "$ANSWER" = "$SERVER_PID" ]; then
      DEAF_PAUSE=0.2
      [ $quick -ge 3 ] || log_state rearmed self
    fi
  done
}

# slow_down: clients that end at once (a latched or a hammered channel) are replaced at growing intervals
slow_down() {
  s_now=$(date +%s)
  if [ "$s_now" = "$last" ]; then quick=$((quick + 1)); else quick=0; fi
  last=$s_now
  [ $quick -lt 3 ] || gone_within 1 0.2
}

# deaf: no client can be had; look at the process itself, 200 ms apart and then 1 s. 0 try a client again or the
# server is gone, 1 dismissed
deaf() {
  stop_client
  d_left=5
  while [ $d_left -gt 0 ]; do
    server_gone && return 0
    dismissed && return 1
    nap "$DEAF_PAUSE"
    d_left=$((d_left - 1))
  done
  DEAF_PAUSE=1
}

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  . "$IAPEER_LIB/process.sh"
  . "$IAPEER_LIB/record.sh"
  . "$IAPEER_LIB/snapshot.sh"
  SOCKET=$IAPEER_SOCKET SOCKET_ID=$IAPEER_SOCKET_ID TMUX_BIN=$IAPEER_TMUX DEAF_PAUSE=0.2 ARMED=
  unset IAPEER_SOCKET IAPEER_SOCKET_ID IAPEER_TMUX
  settle_names
  if missing_tool; then
    tell failed "no $m_tool in $PATH (set IAPEER_SCRIPT_PATH)"
    exit 1
  fi
  take_lease "$STATE.lease"
  case $? in
    0) ;;
    1) tell already; exit 0 ;;
    *) tell failed "cannot write in $STATE_DIR/canary"; exit 1 ;;
  esac
  arm
  if watch; then settle "$RC"; else stop_client; forget_watch; fi
}

main
exit
