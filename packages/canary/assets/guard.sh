#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Guard: the recorder that is the parent of a tmux server. It starts `tmux -D` and waits for its true wait status.
#
# It is no client of the server, and the server has its own session where `setsid` exists: nothing that this process does
# or suffers reaches it. Signals are ignored, not trapped: a trap corrupts `wait` in several shells.
#
# Inputs   those of settle.sh except IAPEER_SERVER; IAPEER_SOCKET IAPEER_TMUX (absolute path) IAPEER_SCRIPT_PATH
#          (where tools are); the rest of the environment, PATH too, is the server's. Standard input: the launcher writes
#          `ready` when the server is what it should be, `failed` when the launch is given up
# Output   `started <pid>:<token>` | `failed <reason>`; and `ended <wait status> <message>` when the server ended before it
#          was ready; then standard output is let go
# Exit     0 the server's end is settled, or the launch was given up; 1 not started

# The path is the server's, so what stands before tmux must not be looked up on it.
start_server() {
  s_setsid=$(command -v setsid)
  PATH=$SERVER_PATH ${s_setsid:+"$s_setsid"} "$TMUX_BIN" -S "$SOCKET" -f /dev/null -D </dev/null >"$STATE.$$.out" 2>&1 &
  SERVER_PID=$!
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

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  SERVER_PATH=$PATH
  PATH=$IAPEER_SCRIPT_PATH
  . "$IAPEER_LIB/process.sh"
  . "$IAPEER_LIB/settle.sh"
  . "$IAPEER_LIB/snapshot.sh"
  SOCKET=$IAPEER_SOCKET TMUX_BIN=$IAPEER_TMUX IAPEER_SERVER=0:-
  unset IAPEER_SOCKET IAPEER_TMUX IAPEER_SCRIPT_PATH
  settle_names
  MODE=guard
  if missing_tool; then
    tell failed "no $m_tool in $PATH (set IAPEER_SCRIPT_PATH)"
    exit 1
  fi
  take_lease "$STATE.lease" || {
    tell failed "cannot write in $STATE_DIR/canary"
    exit 1
  }
  start_server
  write_guard_state || {
    kill -KILL "$SERVER_PID"
    tell failed "cannot write $STATE"
    exit 1
  }
  echo "started $SERVER"
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
