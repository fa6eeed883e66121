# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Completion: what follows the line of a death, what is missing of a record whose recorder is gone, and the end of a
# generation's files. Sourced.

# completion_read -> CLAIM_TEXT and its fields, NOW, MODE: from the claim, else from the facts of this EVENT; of an empty claim
# without either only the time is known
completion_read() {
  claim_read
  if [ -z "$CLAIM_TEXT" ]; then
    if [ "$EVENT" = session ]; then claim_read_facts "$LEADER_FACTS"; else claim_read_facts "$FACTS"; fi
    CLAIM_TEXT=$FACTS_TEXT
  fi
  claim_parse "$CLAIM_TEXT"
  [ "$CLAIM_MODE" != g ] || MODE=guard
  # Those of later recorders hold it for the snapshot, which has a section of it.
  [ -h "$CLAIM" ] || CLAIM_SYSTEM=
  NOW=${CLAIM_TIME:-$CLAIM_MS}
  if [ -z "$NOW" ]; then clock_read; fi
  clock_split "$NOW"
}

# completion_wait PID:TOKEN LOOKS: 0 that recorder is gone, or not known; LATER it lives after so many looks, 50 ms apart. A
# stopped one is continued.
completion_wait() {
  [ -n "$1" ] || return 0
  completion_wait_left=$2
  while :; do
    process_check "$1"
    [ "$ID_STATE" != gone ] || return 0
    [ "$completion_wait_left" -gt 0 ] || return "$LATER"
    [ "$ID_STATE" = alive ] && kill -CONT "${1%%:*}" 2>/dev/null
    completion_wait_left=$((completion_wait_left - 1))
    clock_nap 0.05
  done
}

# completion_has_line: the line may have been rotated since
completion_has_line() {
  completion_has_line_log=$RECORD_DIR/exits.log completion_has_line_what=" identity=[^ ]* gen=$GEN .* forensics=."
  [ "$EVENT" != session ] || completion_has_line_what=" ev=session-exit identity=[^ ]* gen=$GEN .* recorder=hook\$"
  set -- "$completion_has_line_log" "$completion_has_line_log.1" "$completion_has_line_log.2" "$completion_has_line_log.3" \
    "$completion_has_line_log.4" "$completion_has_line_log.5"
  [ -n "$(sed -n "/$completion_has_line_what/p" "$@" 2>/dev/null)" ]
}

# completion_needs_no_snapshot: a leader that exited with 0 has none
completion_needs_no_snapshot() { [ "$EVENT" = session ] && [ "$DEAD_STATUS" = 0 ]; }

completion_has_snapshot() {
  completion_needs_no_snapshot || [ "$(sed -n '$p' "$SNAPSHOT" 2>/dev/null)" = '--- end' ]
}

# completion_write_snapshot: with what its recorder has read without a process, if it came so far
completion_write_snapshot() {
  completion_needs_no_snapshot && return 0
  host_await
  evidence_has_early && EARLY_DONE=1
  evidence_write_early
  evidence_write_snapshot
}

# completion_heal_log: ends a torn last line of exits.log; for those who may start processes
completion_heal_log() {
  # The shell drops a final newline, so one byte left is text.
  [ -z "$(tail -c 1 "$RECORD_DIR/exits.log" 2>/dev/null)" ] || { echo >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

# completion_run: the claim is there, its recorder is not; writes what is missing of line and snapshot. 0 whole; UNWRITABLE; LATER
# another process is at it
completion_run() {
  lease_take "$CLAIM.takeover" || return "$LATER"
  completion_run_code=0
  completion_has_line || { completion_heal_log && record_write_line; } || completion_run_code=$UNWRITABLE
  completion_has_snapshot || completion_write_snapshot || completion_run_code=$UNWRITABLE
  if [ "$completion_run_code" -eq 0 ]; then
    completion_forget
    set +f
    rm -f "$SNAPSHOT".*.part
    set -f
  fi
  [ ! -f "$CLAIM" ] || [ -h "$CLAIM" ] || claim_fill "$CLAIM_TEXT"
  lease_drop "$CLAIM.takeover"
  return "$completion_run_code"
}

# completion_forget: it is settled. The state file goes first: a declarer who finds no state writes no intent, and a
# recorder who finds no intent then looks whether the state is still there before it claims.
completion_forget() {
  completion_leave
  completion_forget_n=1
  [ ! -e "$INTENT" ] || rm -f "$INTENT"
  while
    completion_forget_n=$((completion_forget_n + 1))
    [ -e "$INTENT.$completion_forget_n" ]
  do rm -f "$INTENT.$completion_forget_n"; done
}

# completion_leave: the watch is over; what a declarer has written is not ours to remove. The lease goes last: from then on all
# names here may belong to a successor. `rm` removes its arguments in their order.
completion_leave() {
  set --
  completion_leave_n=1
  while [ -h "$STATE.lease$completion_leave_n" ]; do
    set -- "$@" "$STATE.lease$completion_leave_n"
    completion_leave_n=$((completion_leave_n + 1))
  done
  set +f
  rm -f "$STATE" "$EARLY" "$STATE.baseline" "$STATE.dismiss" "$STATE.socket" "$STATE.hook" "$STATE.leader" "$STATE.facts" \
    "$STATE.leader-facts" "$STATE.seen" "$STATE".*.part "$STATE".*.pipe "$STATE".*.nap "$STATE".*.out "$@"
  set -f
}
