# shellcheck shell=sh disable=SC2034,SC2153
# Settled: what follows the line of a death, and the end of a generation's files. Sourced.

# generation_forget: it is settled. The state file goes first: a declarer who finds no state writes no intent, and a
# recorder who finds no intent then looks whether the state is still there before it claims.
generation_forget() {
  generation_leave
  forget_n=1
  rm -f "$INTENT"
  while
    forget_n=$((forget_n + 1))
    [ -e "$INTENT.$forget_n" ]
  do rm -f "$INTENT.$forget_n"; done
}

# generation_leave: the watch is over; what a declarer has written is not ours to remove. The lease goes last and alone:
# from then on all names here may belong to a successor.
generation_leave() {
  set +f
  rm -f "$STATE" "$STATE.baseline" "$STATE.dismiss" "$STATE.socket" "$STATE.hook" "$STATE.leader" "$STATE.facts" \
    "$STATE.leader-facts" "$STATE.seen" "$STATE".*.part "$STATE".*.pipe "$STATE".*.nap "$STATE".*.out
  set -f
  lease_drop "$STATE.lease"
}

# claim_facts -> C_RC C_REC NOW MODE C_SYSTEM: from the claim, else from the file that was prepared for them; of an empty
# claim without either only the time is known
claim_facts() {
  claim_read
  if [ -z "$CLAIM_TEXT" ]; then
    facts_read "$FACTS"
    CLAIM_TEXT=$FACTS_TEXT
  fi
  claim_field rc "$CLAIM_TEXT" && C_RC=$FIELD
  claim_field rec "$CLAIM_TEXT" && C_REC=$FIELD
  claim_field m "$CLAIM_TEXT"
  [ "$FIELD" != g ] || MODE=guard
  C_SYSTEM=
  # Those of later recorders hold it for the snapshot, which has a section of it.
  if [ -h "$CLAIM" ]; then claim_field c "$CLAIM_TEXT" && C_SYSTEM=$FIELD; fi
  claim_field ts "$CLAIM_TEXT"
  NOW=${FIELD:-$CLAIM_MS}
  if [ -z "$NOW" ]; then clock_now; fi
  clock_split "$NOW"
}

# complete_snapshot: with what its recorder has read without a process, if it came so far
complete_snapshot() {
  early_is_whole && EARLY_DONE=1
  evidence_early
  evidence_write
}

# heal_torn_line: ends a torn last line of exits.log; for those who may start processes
heal_torn_line() {
  # The shell drops a final newline, so one byte left is text.
  [ -z "$(tail -c 1 "$RECORD_DIR/exits.log" 2>/dev/null)" ] || { echo >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}
