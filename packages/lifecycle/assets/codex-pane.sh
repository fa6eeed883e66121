#!/bin/sh
# shellcheck disable=SC2317
# Codex pane: the program of a pane of Codex. Starts a private app-server and becomes the TUI that is connected to it.
#
# Arguments  DIRECTORY LIMIT SERVER TUI WORD...
#            DIRECTORY  the private directory of the session; the server listens on its app.sock
#            LIMIT      how long the server may take to come up, in tenths of a second
#            SERVER     the number of WORDs of the command line of the server
#            TUI        the number of WORDs, after them, of the command line of the connected TUI
#            The other WORDs are the command line of a TUI without a server of its own.
# Output     DIRECTORY/app-server.log   what the server prints
#            DIRECTORY/app-server.exit  how the server ended by itself: its exit status; 128 + N where signal N killed it
#            DIRECTORY/embedded         exists where the server did not come up, and the TUI runs without it
#            a line on the pane where the server exits before the TUI
# Exit       that of the TUI
#
# The TUI takes the place of this process, so the process of the pane is the program that a person sees. The monitor is the parent of
# the server and waits for it. When the TUI exits, however that happens, the kernel sends SIGHUP to the processes of its terminal: the
# monitor then ends the server. When the server exits, the monitor prints that and ends the TUI, which would wait for it forever.

# How long the server may take to exit, in tenths of a second, before it is killed.
GRACE=20

# pane_nap -> NAPPED: waits a tenth of a second, or a second where sleep takes no fractions
pane_nap() {
  NAPPED=1
  sleep 0.1 2>/dev/null && return 0
  NAPPED=10
  sleep 1
}

# pane_run FROM COUNT WORD...: becomes the program that COUNT of the WORDs name, after the first FROM
pane_run() {
  pane_run_from=$1 pane_run_to=$(($1 + $2)) pane_run_at=0
  shift 2
  pane_run_all=$#
  while [ "$pane_run_at" -lt "$pane_run_all" ]; do
    if [ "$pane_run_at" -ge "$pane_run_from" ] && [ "$pane_run_at" -lt "$pane_run_to" ]; then set -- "$@" "$1"; fi
    shift
    pane_run_at=$((pane_run_at + 1))
  done
  exec "$@"
}

# monitor_end: ends the server, and then this monitor. The first SIGTERM lets it finish its turn, the second one does not.
monitor_end() {
  trap '' HUP INT QUIT TERM
  monitor_end_left=$GRACE
  while [ "$monitor_end_left" -gt 0 ] && kill -TERM "$SERVER" 2>/dev/null; do
    pane_nap
    monitor_end_left=$((monitor_end_left - NAPPED))
  done
  kill -KILL "$SERVER" 2>/dev/null
  wait "$SERVER" 2>/dev/null
  exit 0
}

# monitor_print STATUS: prints how the server ended, on a new row at the bottom of the screen
monitor_print() {
  if [ "$1" -gt 128 ]; then
    monitor_print_how="was killed by signal $(($1 - 128))"
  else
    monitor_print_how="exited with code $1"
  fi
  printf '\033[999;1H\r\n\033[0miapeer: the app-server of this session %s; this ends the session' "$monitor_print_how" 2>/dev/null
}

# monitor COUNT WORD...: runs the server until it or the TUI exits
monitor() {
  trap '' INT QUIT
  monitor_count=$1
  shift
  pane_run 0 "$monitor_count" "$@" </dev/null >>"$DIRECTORY/app-server.log" 2>&1 &
  SERVER=$!
  trap monitor_end HUP TERM
  wait "$SERVER" 2>/dev/null
  monitor_status=$?
  trap '' HUP TERM
  { echo "$monitor_status" >"$DIRECTORY/app-server.exit"; } 2>/dev/null
  [ -e "$DIRECTORY/app-server.up" ] || return 0
  # The TUI draws its screen again when it notices the end of the server.
  pane_nap
  pane_nap
  # A terminal that takes no output must not keep the TUI running.
  monitor_end_tui_later &
  monitor_print "$monitor_status"
  kill -TERM "$LEADER" 2>/dev/null
  kill -KILL "$!" 2>/dev/null
}

# monitor_end_tui_later: ends the TUI if the monitor has not done that by then
monitor_end_tui_later() {
  pane_nap
  pane_nap
  kill -TERM "$LEADER" 2>/dev/null
}

main() {
  DIRECTORY=$1 LEADER=$$ left=$2 server=$3 tui=$4
  shift 4
  umask 077
  monitor "$server" "$@" 2>/dev/null &
  monitor=$!
  while [ "$left" -gt 0 ] && [ ! -S "$DIRECTORY/app.sock" ] && [ ! -e "$DIRECTORY/app-server.exit" ]; do
    pane_nap
    left=$((left - NAPPED))
  done
  if [ -S "$DIRECTORY/app.sock" ] && { : >"$DIRECTORY/app-server.up"; } 2>/dev/null; then pane_run "$server" "$tui" "$@"; fi
  kill -HUP "$monitor" 2>/dev/null
  wait "$monitor"
  { : >"$DIRECTORY/embedded"; } 2>/dev/null
  pane_run $((server + tui)) "$#" "$@"
}

main "$@"
exit
