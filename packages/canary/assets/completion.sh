# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Completion: writes what follows the line of a death, completes records whose recorder is gone, and removes a generation's
# files. Sourced.

# completion_read -> CLAIM_TEXT and its fields, NOW, MODE: from the claim, else from the facts of this EVENT. Without facts only
# the time is known.
completion_read() {
  claim_read
  if [ -z "$CLAIM_TEXT" ]; then
    if [ "$EVENT" = session ]; then claim_read_facts "$LEADER_FACTS"; else claim_read_facts "$FACTS"; fi
    CLAIM_TEXT=$FACTS_TEXT
  fi
  claim_parse "$CLAIM_TEXT"
  [ "$CLAIM_MODE" != g ] || MODE=guard
  # Only claims of format 1 decide the cause by it; later snapshots have a section instead.
  [ -h "$CLAIM" ] || CLAIM_SYSTEM=
  NOW=${CLAIM_TIME:-$CLAIM_MS}
  if [ -z "$NOW" ]; then clock_read; fi
  clock_split "$NOW"
}

# completion_wait PID:TOKEN COUNT: 0 that recorder is gone, or unknown; LATER it still runs after COUNT checks, 50 ms apart.
# Continues a stopped recorder.
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

# completion_has_line: looks in the rotated logs too. A line that a full disk has cut lacks the end of its last field
completion_has_line() {
  completion_has_line_log=$RECORD_DIR/exits.log completion_has_line_what=" identity=[^ ]* gen=$GEN .* forensics=.*\\.txt\"\\{0,1\\}\$"
  [ "$EVENT" != session ] || completion_has_line_what=" ev=session-exit identity=[^ ]* gen=$GEN .* recorder=hook\$"
  set -- "$completion_has_line_log" "$completion_has_line_log.1" "$completion_has_line_log.2" "$completion_has_line_log.3" \
    "$completion_has_line_log.4" "$completion_has_line_log.5"
  [ -n "$(sed -n "/$completion_has_line_what/p" "$@" 2>/dev/null)" ]
}

completion_has_snapshot() { [ "$(sed -n '$p' "$SNAPSHOT" 2>/dev/null)" = '--- end' ]; }

# completion_write_snapshot: begins with the early sections that the recorder wrote, if it wrote them
completion_write_snapshot() {
  host_await
  evidence_has_early && EARLY_DONE=1
  evidence_write_early || return "$UNWRITABLE"
  evidence_write_snapshot
}

# completion_heal_log: completes a torn last line of exits.log; starts processes
completion_heal_log() {
  # The shell drops a final newline, so any other last byte is text.
  [ -z "$(tail -c 1 "$RECORD_DIR/exits.log" 2>/dev/null)" ] || { echo >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

# completion_run: writes the missing line or snapshot of a claim whose recorder is gone. 0 complete; UNWRITABLE; LATER another
# process is doing it
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

# completion_forget: removes the files of a settled generation and its intents. The state file is removed first: a declarer
# without a state file writes no intent, and a recorder without an intent checks the state file before it claims.
completion_forget() {
  completion_leave
  completion_forget_n=1
  [ ! -e "$INTENT" ] || rm -f "$INTENT"
  while
    completion_forget_n=$((completion_forget_n + 1))
    [ -e "$INTENT.$completion_forget_n" ]
  do rm -f "$INTENT.$completion_forget_n"; done
}

# completion_leave: removes the files of a generation, but no intents, which belong to declarers. The lease is removed last (`rm`
# keeps the order of its arguments): after that a successor may own all these names.
completion_leave() {
  set --
  completion_leave_n=1
  while [ -h "$STATE.lease$completion_leave_n" ]; do
    set -- "$@" "$STATE.lease$completion_leave_n"
    completion_leave_n=$((completion_leave_n + 1))
  done
  set +f
  # Few patterns: a shell reads the directory, which has the files of every peer, for each. The first one spares the leases, and temporary
  # files (.tmp) of a process that is replacing one of these.
  LC_ALL=C rm -f "$STATE" "$EARLY" "$STATE".*[!0-9p] "$STATE".*.nap "$STATE.leader-cgroup" "$@"
  set -f
}
