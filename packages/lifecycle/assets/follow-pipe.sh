#!/bin/sh
# Follow pipe: copies a file without an end (trace_pipe of tracefs) to standard output until standard input is closed.
#
# Argument  FILE
# Output    the content of FILE as it arrives
# Exit      0 when standard input was closed; 1 if FILE cannot be read
#
# Standard input is closed when the parent process exits for any reason, so the reader never outlives it.

main() {
  [ -r "$1" ] || return 1
  cat "$1" &
  reader=$!
  exec >/dev/null
  # Discards input and waits for its end.
  while read -r _; do :; done
  kill "$reader" 2>/dev/null
  wait "$reader" 2>/dev/null
  return 0
}

main "$@"
exit
