#!/bin/sh
# The plain protocol to compare with: a client, a pause of two seconds, a probe, a line, a snapshot.
# Usage: v2-reference.sh SOCKET CHANNEL DIRECTORY
main() {
  tmux -S "$1" wait-for "$2" </dev/null >/dev/null 2>&1
  rc=$?
  sleep 2
  tmux -S "$1" has-session 2>/dev/null && exit 0
  echo "ts=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ) ev=server-exit wait_rc=$rc" >>"$3/exits.log"
  { cat /proc/meminfo /proc/loadavg; ps -A -o pid=,ppid=,rss=,etime=,comm= | sort -k 3,3 -rn | sed 15q; } >"$3/part"
  mv "$3/part" "$3/snapshot.txt"
}

main "$@"
exit
