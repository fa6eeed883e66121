#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Guard: the recorder that is the parent of a tmux server. It starts `tmux -D` and waits for its true wait status.
#
# It is no client of the server, and the server has its own session where `setsid` exists: nothing that this process does
# or suffers reaches it. Signals are ignored, not trapped: a trap corrupts `wait` in several shells.
#
# Inputs   those of record.sh except IAPEER_SERVER; IAPEER_SOCKET IAPEER_TMUX (absolute path) IAPEER_SCRIPT_PATH
#          (where tools are) IAPEER_SETSID (absolute path, or empty); the rest of the environment is the server's. Standard
#          input: the launcher writes `ready` when the server is what it should be, `failed` when the launch is given up
# Output   `server <pid>:<token>`, then `started` | `failed <reason>`; and `ended <wait status> <message>` when the server ended before it
#          was ready; then standard output is let go
# Exit     0 the server's end is settled, or the launch was given up; 1 not started

# Nothing is assigned before this: a name that came with the environment stays exported, and is the server's. So is the
# umask of whoever launches.
start_server() {
  (umask 077 && : >"$IAPEER_STATE_DIR/canary/$IAPEER_IDENTITY-$IAPEER_GEN.$$.out")
  (
    unset IAPEER_IDENTITY IAPEER_GEN IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_LIB IAPEER_PLATFORM IAPEER_BOOT IAPEER_SCRIPT_PATH \
      IAPEER_SERVER IAPEER_RECORDER
    set -- ${IAPEER_SETSID:+"$IAPEER_SETSID"} "$IAPEER_TMUX" -S "$IAPEER_SOCKET" -f /dev/null -D
    unset IAPEER_SETSID IAPEER_TMUX IAPEER_SOCKET
    exec "$@"
  ) </dev/null >"$IAPEER_STATE_DIR/canary/$IAPEER_IDENTITY-$IAPEER_GEN.$$.out" 2>&1 &
}

# forget_environment: what the recorder's own functions look at before they set it
forget_environment() {
  unset CLAIMED LINED NAP_WHOLE CGROUP_V1 CGROUP_V2 CGROUP_ROOT SYSTEMD_DIR SYSTEM_REPORTS ARMED SIGNAL SYSTEM
  PATH=$IAPEER_SCRIPT_PATH
  LC_ALL=C
}

name_server() {
  SERVER_PID=$1
  proc_look "$SERVER_PID"
  SERVER_TOKEN=$P_TOKEN
  SERVER=$SERVER_PID:$SERVER_TOKEN
}

write_guard_state() {
  {
    printf 'mode=guard\nrecorder=%s\nserver=%s\nsocket=%s\nsocket_id=-\nboot=%s\nbaseline=%s\nlib=%s\nrecord_dir=%s\ntmux=%s\npath=%s\n' \
      "$SELF" "$SERVER" "$SOCKET" "$ARMED_BOOT" "$BASELINE" "$LIB" "$RECORD_DIR" "$TMUX_BIN" "$PATH" >"$STATE.$$.part" &&
      mv -f "$STATE.$$.part" "$STATE"
  } 2>/dev/null
}

# launched: what the launcher said. Its end without a word means that nobody gave the launch up: the server counts.
launched() {
  l_word=
  read -r l_word
  [ "$l_word" != failed ]
}

give_up() {
  kill -KILL "$SERVER_PID"
  tell failed "$1"
  exit 1
}

main() {
  set -f
  trap '' HUP INT QUIT TERM PIPE
  start_server
  umask 077
  forget_environment
  . "$IAPEER_LIB/process.sh"
  . "$IAPEER_LIB/record.sh"
  . "$IAPEER_LIB/snapshot.sh"
  name_server $!
  echo "server $SERVER"
  SOCKET=$IAPEER_SOCKET TMUX_BIN=$IAPEER_TMUX IAPEER_SERVER=$SERVER
  unset IAPEER_SOCKET IAPEER_TMUX IAPEER_SCRIPT_PATH IAPEER_SETSID
  settle_names
  MODE=guard
  if missing_tool; then give_up "no $m_tool in $PATH (set IAPEER_SCRIPT_PATH)"; fi
  take_lease "$STATE.lease" || give_up "cannot write in $STATE_DIR/canary"
  write_guard_state || give_up "cannot write $STATE"
  echo started
  write_baseline
  wait "$SERVER_PID"
  RC=$?
  [ "$RC" -le 255 ] || RC=unknown
  l_message=
  { read -r l_message <"$STATE.$$.out"; } 2>/dev/null
  tell ended "$RC" "$l_message"
  if dismissed || ! launched; then forget_watch; else settle "$RC"; fi
}

main
exit
