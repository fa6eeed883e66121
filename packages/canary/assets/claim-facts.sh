# shellcheck shell=sh disable=SC2034
# Claim: the facts of a death, as in a claim, and the prepared file that keeps them. Sourced.

# claim_format RC -> CLAIM_LINE: the facts of this EVENT at NOW, as in a claim
claim_format() {
  CLAIM_LINE="rc=$1,ev=$EVENT,rec=$SELF,ts=$NOW"
  [ "$EVENT:$MODE" != server:guard ] || CLAIM_LINE=$CLAIM_LINE,m=g
}

# claim_write_facts TEXT: writes the facts once, in place, to descriptor 8: needs no new block and no inode. Where no descriptor is
# left, the shell cannot set standard output aside meanwhile: a process of its own writes them.
claim_write_facts() {
  [ "$FACTS_OPEN" = 1 ] || return 0
  { out "$1" >&8; } 2>/dev/null || command eval '(out "$1") >&8'
  FACTS_OPEN=written
}
