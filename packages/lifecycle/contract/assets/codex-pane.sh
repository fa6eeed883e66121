#!/bin/sh
# The program of a pane: starts a private app-server of Codex, then becomes its TUI.
#   codex-pane.sh PROGRAM SOCKET LOG
# The server is a child of this process and exits when the TUI does. LOG gets its output.
main() {
  program=$1 socket=$2 log=$3
  "$program" app-server --listen "unix://$socket" -c 'approval_policy="never"' -c 'sandbox_mode="danger-full-access"' \
    </dev/null >>"$log" 2>&1 &
  tries=0
  while [ ! -S "$socket" ] && [ "$tries" -lt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
  exec "$program" --remote "unix://$socket"
}
main "$@"
exit
