# shellcheck shell=sh disable=SC2034,SC3006
# Logfmt: prints with built-ins alone, and quotes the values of a logfmt line. Sourced.

# out TEXT: prints one line. In mksh `printf` is not a built-in and would start a process.
case ${KSH_VERSION:-} in
  *MIRBSD*) out() { print -r -- "$1"; } ;;
  *) out() { printf '%s\n' "$1"; } ;;
esac

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
