#!/bin/sh
# Follow pipe: copies what comes out of a file that never ends (tracefs's trace_pipe) until standard input is closed.
#
# Argument  FILE
# Output    what comes out of it, as it comes
# Exit      0 when standard input was closed; 1 when FILE cannot be read
#
# Standard input is closed when whoever started this ends, however that happens: the reader never outlives them.

main() {
  [ -r "$1" ] || return 1
  cat "$1" &
  reader=$!
  exec >/dev/null
  # What comes on standard input is nothing to us; its end is.
  while read -r _; do :; done
  kill "$reader" 2>/dev/null
  wait "$reader" 2>/dev/null
  return 0
}

main "$@"
exit
