#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Guard: the recorder that is the parent of a tmux server. It starts `tmux -D` and waits for its true wait status.
#
# It is not a client of the server, and the server has its own session where `setsid` exists: nothing that this process does
# or suffers reaches it. Signals are ignored, not trapped: a trap corrupts `wait` in several shells.
#
# Inputs   those of generation.sh except IAPEER_SERVER; IAPEER_SOCKET IAPEER_TMUX (absolute path) IAPEER_SCRIPT_PATH
#          (where tools are) IAPEER_SETSID (absolute path, or empty); the rest of the environment is the server's. Standard
#          input: the launcher writes `ready` when the server is what it should be, `failed` when the launch is given up
# Output   `server <pid>:<token>`, then `started` | `failed <reason>`; and `ended <wait status> <message>` when the server ended before it
#          was ready; then standard output is let go
# Exit     0 the server's end is settled, or the launch was given up; 1 not started

# Nothing is assigned before this: a name that came with the environment stays exported, and is the server's. So is the
# umask of the launcher.
start_server() {
  (umask 077 && : >"$IAPEER_STATE_DIR/canary/$IAPEER_IDENTITY-$IAPEER_GEN.$$.out")
  (
    unset IAPEER_IDENTITY IAPEER_GEN IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_LIB IAPEER_PLATFORM IAPEER_BOOT IAPEER_SCRIPT_PATH \
      IAPEER_SERVER IAPEER_RECORDER IAPEER_CLOCK
    set -- ${IAPEER_SETSID:+"$IAPEER_SETSID"} "$IAPEER_TMUX" -S "$IAPEER_SOCKET" -f /dev/null -D
    unset IAPEER_SETSID IAPEER_TMUX IAPEER_SOCKET
    exec "$@"
  ) </dev/null >"$IAPEER_STATE_DIR/canary/$IAPEER_IDENTITY-$IAPEER_GEN.$$.out" 2>&1 &
}

# forget_environment: what the recorder's own functions look at before they set it
forget_environment() {
  unset CGROUP_V1 CGROUP_V2 CGROUP_PIDS CGROUP_ROOT SYSTEMD_DIR SYSTEM_REPORTS ARMED SIGNAL EARLY_DONE FORK_FAILED LINE_TORN
  PATH=$IAPEER_SCRIPT_PATH
  LC_ALL=C
}

name_server() {
  SERVER_PID=$1
  process_look "$SERVER_PID"
  SERVER_TOKEN=$P_TOKEN
  SERVER=$SERVER_PID:$SERVER_TOKEN
}

write_guard_state() {
  {
    {
      out mode=guard
      out "recorder=$SELF"
      out "server=$SERVER"
      out "socket=$SOCKET"
      out socket_id=-
      out "boot=$ARMED_BOOT"
      out "baseline=$BASELINE"
      out "lib=$LIB"
      out "record_dir=$RECORD_DIR"
      out "tmux=$TMUX_BIN"
      out "path=$PATH"
      out "clock=$CLOCK"
      out format=2
    } >"$STATE.$$.part" && mv -f "$STATE.$$.part" "$STATE"
  } 2>/dev/null
}

# launched: what the launcher said. Its end without a word means that the launch was not given up: the server counts.
launched() {
  launched_word=
  read -r launched_word
  [ "$launched_word" != failed ]
}

give_up() {
  kill -KILL "$SERVER_PID"
  [ -z "$1" ] || report failed "$1"
  exit 1
}

# wait_server -> RC: the wait status, 128 and the signal (ksh93 says 256 and the signal)
wait_server() {
  wait "$SERVER_PID"
  RC=$?
  [ "$RC" -le 255 ] || RC=$((RC - 128))
  [ "$RC" -le 255 ] || RC=unknown
}

main() {
  set -f
  trap '' HUP INT QUIT TERM PIPE
  start_server
  umask 077
  forget_environment
  . "$IAPEER_LIB/core.sh"
  name_server $!
  out "server $SERVER"
  SOCKET=$IAPEER_SOCKET TMUX_BIN=$IAPEER_TMUX IAPEER_SERVER=$SERVER
  unset IAPEER_SOCKET IAPEER_TMUX IAPEER_SCRIPT_PATH IAPEER_SETSID
  generation_names
  MODE=guard
  (IAPEER_LIB=$LIB && . "$LIB/arming.sh" && arm_files)
  case $? in
    0) ;;
    3) give_up '' ;;
    *) give_up "cannot write in $STATE_DIR/canary" ;;
  esac
  generation_open
  write_guard_state || give_up "cannot write $STATE"
  out started
  (. "$LIB/evidence.sh" && baseline_write && rm -f "$NAP_PIPE")
  wait_server
  l_message=
  { read -r l_message <"$STATE.$$.out"; } 2>/dev/null
  report ended "$RC" "$l_message"
  if is_dismissed || ! launched; then hand_over leave; else settle "$RC"; fi
}

main
exit
