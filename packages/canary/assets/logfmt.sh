# shellcheck shell=sh disable=SC2034,SC3006
# Logfmt: prints with built-ins alone, and quotes the values of a logfmt line. Sourced.

# out TEXT -> OUT_FAILED=1 if it cannot be written: prints one line. In mksh `printf` is not a built-in and would start a process.
case ${KSH_VERSION:-} in
  *MIRBSD*) out() { print -r -- "$1" || logfmt_note_failure; } ;;
  *) out() { printf '%s\n' "$1" || logfmt_note_failure; } ;;
esac

# logfmt_note_failure: a disk that was full when one line was written can have space for the next one, so the end of a file does not show
# that it is whole
logfmt_note_failure() {
  OUT_FAILED=1
  return 1
}

# logfmt_quote VALUE -> QUOTED: the value in logfmt (callers pass no control characters)
logfmt_quote() {
  QUOTED=$1
  case $1 in *[[:space:]\"=]*) ;; *) return 0 ;; esac
  logfmt_quote_rest=$1 QUOTED=
  while [ -n "$logfmt_quote_rest" ]; do
    logfmt_quote_tail=${logfmt_quote_rest#?}
    logfmt_quote_one=${logfmt_quote_rest%"$logfmt_quote_tail"}
    logfmt_quote_rest=$logfmt_quote_tail
    case $logfmt_quote_one in \" | \\) QUOTED="$QUOTED\\$logfmt_quote_one" ;; *) QUOTED=$QUOTED$logfmt_quote_one ;; esac
  done
  QUOTED="\"$QUOTED\""
}
