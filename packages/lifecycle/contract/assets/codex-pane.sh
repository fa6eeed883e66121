#!/bin/sh
# The program of a pane: a private app-server of Codex behind its TUI, which takes this process's place.
#   codex-pane.sh PROGRAM SOCKET LOG
# The server ends when the TUI does: it is a child of this process, and its output is the log.
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
