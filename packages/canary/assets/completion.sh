# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Completion: completes records whose recorder is gone. Sourced.

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

# completion_heal_log: completes a torn last line of exits.log; starts processes
completion_heal_log() {
  # The shell drops a final newline, so any other last byte is text.
  [ -z "$(tail -c 1 "$RECORD_DIR/exits.log" 2>/dev/null)" ] || { echo >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

# completion_take_whole: moves a snapshot to its place that a lost recorder has written to its end. 1 there is none
completion_take_whole() {
  completion_list_parts
  for completion_take_whole_part in $PARTS; do
    [ "$(sed -n '$p' "$SNAPSHOT.$completion_take_whole_part.part" 2>/dev/null)" = '--- end' ] || continue
    mv -f "$SNAPSHOT.$completion_take_whole_part.part" "$SNAPSHOT" && return 0
  done
  return 1
}

# completion_take_part: makes $EARLY from what a lost recorder has copied, up to the time of its own sections, without the baseline,
# which is written later. 1 it cannot be copied now
completion_take_part() {
  evidence_has_early && return 0
  completion_list_parts
  for completion_take_part_one in $PARTS; do
    LC_ALL=C sed -n -e '/^--- baseline$/,/^--- shared$/{' -e '/^--- shared$/!d' -e '}' \
      -e '/^--- taken$/{' -e p -e n -e p -e q -e '}' -e p "$SNAPSHOT.$completion_take_part_one.part" >"$EARLY" || { [ $? -eq 127 ] || return 1; }
    evidence_has_early && return 0
  done
  [ -z "$PARTS" ] || rm -f "$EARLY"
}

# completion_list_parts -> PARTS: the pids of the recorders that have left a temporary file
completion_list_parts() {
  PARTS=
  set +f
  for completion_list_parts_file in "$SNAPSHOT".*.part; do
    completion_list_parts_pid=${completion_list_parts_file#"$SNAPSHOT."}
    completion_list_parts_pid=${completion_list_parts_pid%.part}
    case $completion_list_parts_pid in '' | *[!0-9]*) continue ;; esac
    [ ! -s "$completion_list_parts_file" ] || [ ! -f "$completion_list_parts_file" ] || PARTS="$PARTS $completion_list_parts_pid"
  done
  set -f
}

# completion_run: writes the missing line or snapshot of a claim whose recorder is gone. 0 complete; UNWRITABLE; LATER another
# process is doing it
completion_run() {
  lease_take "$CLAIM.takeover" || return "$LATER"
  completion_run_code=0
  completion_has_line || { completion_heal_log && record_write_line; } || completion_run_code=$UNWRITABLE
  completion_has_snapshot || completion_take_whole || { command eval completion_take_part 2>/dev/null && completion_write_snapshot; } ||
    completion_run_code=$UNWRITABLE
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
