# shellcheck shell=sh disable=SC2034,SC3006
# Text: printing by built-ins alone, and the values of a logfmt line. Sourced.

# out TEXT: one line. mksh has no `printf` of its own, and would start a process for it.
case ${KSH_VERSION:-} in
  *MIRBSD*) out() { print -r -- "$1"; } ;;
  *) out() { printf '%s\n' "$1"; } ;;
esac

# text_quote VALUE -> QUOTED: the value as logfmt writes it (callers pass no control characters)
text_quote() {
  QUOTED=$1
  case $1 in *[[:space:]\"=]*) ;; *) return 0 ;; esac
  quote_rest=$1 QUOTED=
  while [ -n "$quote_rest" ]; do
    quote_tail=${quote_rest#?}
    quote_one=${quote_rest%"$quote_tail"}
    quote_rest=$quote_tail
    case $quote_one in \" | \\) QUOTED="$QUOTED\\$quote_one" ;; *) QUOTED=$QUOTED$quote_one ;; esac
  done
  QUOTED="\"$QUOTED\""
}
