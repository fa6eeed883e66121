# shellcheck shell=sh disable=SC2034
# Logfmt: quotes the values of a logfmt line. Sourced.

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
