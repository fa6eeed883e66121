# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Record: decides whether the death of a server or a leader is recorded, and writes the record once. Sourced.
#
# From the wait status to the line, nothing here starts a process (no command substitution, no pipeline, no external
# program), except while and after it waits for a descriptor (record_await_descriptors): so a death is recorded even if no
# process can be started. Snapshot and clean-up, which need processes, follow in finish.sh, as FINISH says. test/no-process.test.ts
# counts the processes that guard, exit hook and settle.sh start up to the line: none.
#
# Outputs  the facts in the prepared file, the claim, the line in exits.log; or nothing
#          FINISH  what finish.sh has to do: record | forget | leave, or empty
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   settling  session-claimed   -> handed-over          finish the record with the exit hook of this generation
#   settling  intent-pending    -> settling             wait 50 ms
#   settling  intent-done       -> finish forgetting    nothing: no record
#   settling  intent-abandoned  -> settling             log intent-withdrawn
#   settling  written           -> finish recording     nothing: facts, claim and line are written
#   settling  taken             -> recorded-by-another  exit 0: another recorder has claimed this generation
#   settling  elsewhere         -> finish leaving       log recorded-elsewhere
#   settling  unwritable        -> settling             wait a second, at most 300 times
# End of states.

# record_write_line: appends a line to exits.log, for a server from WAIT_RC CAUSE SIGNAL MODE RECORDER, for a session from
# DEAD_STATUS DEAD_SIGNAL LEADER CAUSE
record_write_line() {
  clock_format
  logfmt_quote "$SNAPSHOT"
  record_write_line_seen="${SEEN_ALIVE:+ seen_alive=$SEEN_ALIVE}"
  if [ "$EVENT" = session ]; then
    record_write_line_rest="dead_status=$DEAD_STATUS dead_signal=$DEAD_SIGNAL leader_pid=$LEADER forensics=$QUOTED${CAUSE:+ mode=none cause=$CAUSE}$record_write_line_seen recorder=hook"
  else
    record_write_line_rest="server_pid=$SERVER_PID server_start=$SERVER_TOKEN wait_rc=$WAIT_RC cause=$CAUSE${SIGNAL:+ signal=$SIGNAL} mode=$MODE recorder=$RECORDER$record_write_line_seen forensics=$QUOTED"
  fi
  # A full disk may have torn the first try: this line must not be appended to that one.
  record_write_line_lead=
  [ -z "${LINE_TORN:-}" ] || record_write_line_lead='
'
  { out "${record_write_line_lead}ts=$ISO ev=$EVENT-exit identity=$IDENTITY gen=$GEN $record_write_line_rest" >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

# record_await_descriptors: waits until a file can be opened, at most 100 seconds. `sleep` needs a descriptor to start: it gets that
# of standard error, in a process of its own, because a shell sets aside what it redirects, for which it needs another one. Where the
# system has none left at all, and in mksh, it fails within milliseconds, and this gives up after some seconds.
record_await_descriptors() {
  [ -z "${KNOWN_TIME:-}" ] || return 0
  record_await_descriptors_left=2000
  while [ -z "${KNOWN_TIME:-}" ] && [ $record_await_descriptors_left -gt 0 ]; do
    record_await_descriptors_left=$((record_await_descriptors_left - 1))
    command eval '(exec sleep 0.05) 2>&- & wait $!'
    record_set_time
    KNOWN_TIME=$NOW
  done
  record_take_note_time
}

# record_take_note_time -> KNOWN_TIME: when the status was noted without a time; unchanged if that is not known. Without a descriptor the
# clock could not be read, but the prepared file was open, and has been written since then at no other time. Starts a process.
record_take_note_time() {
  claim_read_facts "$FACTS"
  case $FACTS_TEXT, in *,ts=,*) ;; *) return 0 ;; esac
  record_take_note_time_at=
  command eval 'record_take_note_time_at=$(date -r "$FACTS" +%s%3N 2>/dev/null)' 2>/dev/null
  case $record_take_note_time_at in
    *[!0-9]* | '') command eval 'record_take_note_time_at=$(date -r "$FACTS" +%s 2>/dev/null)' 2>/dev/null ;;
  esac
  case $record_take_note_time_at in
    *[!0-9]*) ;;
    ??????????*) KNOWN_TIME=$record_take_note_time_at ;;
  esac
}

# record_claim RC -> NOW, CLAIM_LINE: notes the facts and claims the death. 0 claimed; TAKEN; UNWRITABLE; ELSEWHERE
record_claim() {
  record_set_time || return "$UNWRITABLE"
  generation_read_name
  claim_format "$1"
  claim_write_facts "$CLAIM_LINE"
  claim_take_server || return $?
  claim_take "$CLAIM_LINE"
}

# record_write RC: writes facts, claim and line of a server's death, in this order, each once even if called again.
# 0 written; TAKEN another recorder does it; UNWRITABLE (call again); ELSEWHERE
record_write() {
  if [ -z "$CLAIMED" ]; then
    record_claim "$1" || return $?
    CLAIMED=1
    cause_decide "$1" ''
    # No recorder noted the time of death: NOW is when it was found, or when this boot began.
    case $1:${KNOWN_TIME:-} in *: | boot:*) generation_note_seen "$SEEN_MS" ;; esac
  fi
  if [ -z "$LINED" ]; then
    record_write_line || { LINE_TORN=1; return "$UNWRITABLE"; }
    LINED=1
    claim_fill "$CLAIM_LINE"
    claim_fill_server
  fi
  return 0
}

# record_claim_for_hook: the exit hook has noted the death of the leader, but could not claim it: makes the claim from its facts,
# so that the later death of the server is not recorded instead. 0 claimed
record_claim_for_hook() {
  claim_read_facts "$LEADER_FACTS"
  [ -n "$FACTS_TEXT" ] || return 1
  claim_take "$FACTS_TEXT"
  claim_exists
}

# record_is_session: the exit hook has claimed this generation, or wanted to, for the death of its leader
record_is_session() {
  claim_exists || record_claim_for_hook || return 1
  command eval claim_read
  if [ -z "$CLAIM_TEXT" ]; then
    # Empty: the hook could write its facts only to the prepared file.
    claim_read_facts "$LEADER_FACTS"
    CLAIM_TEXT=$FACTS_TEXT
  fi
  claim_parse "$CLAIM_TEXT"
  [ "$CLAIM_EVENT" = session ]
}

# record_run_hook: executes the exit hook in this process; it completes its record
record_run_hook() { exec /bin/sh "$STATE.hook" "$STATE"; }

# record_await_intent: waits until a pending intent is done, withdrawn or abandoned. A stop on purpose has no record; an intent
# that was abandoned before the death does not count. 1 the stop was intended
record_await_intent() {
  intent_read
  record_await_intent_seen=$I_STATE
  while [ "$I_STATE" = pending ]; do
    : at record settling intent-pending
    clock_nap 0.05
    intent_read
  done
  case $record_await_intent_seen:$I_STATE in
    *:done | pending:abandoned)
      : at record settling intent-done
      FINISH=forget
      return 1
      ;;
    abandoned:*)
      : at record settling intent-abandoned
      generation_log intent-withdrawn self abandoned
      ;;
  esac
}

# record_settle RC -> FINISH: settles the death of the original server
record_settle() {
  FINISH=
  record_note "$1"
  record_await_descriptors
  if record_is_session; then
    : at record settling session-claimed
    record_run_hook
  fi
  record_await_intent || return 0
  # A full or read-only disk may become writable again. After 300 tries, reconcile completes the record from the claim or the
  # state file.
  record_settle_left=300
  while
    record_write "$1"
    case $? in
      0)
        : at record settling written
        host_take
        host_defer
        FINISH=record
        return 0
        ;;
      "$TAKEN")
        if record_is_session; then
          : at record settling session-claimed
          record_run_hook
        fi
        : at record settling taken
        return 0
        ;;
      "$ELSEWHERE")
        : at record settling elsewhere
        generation_log recorded-elsewhere self "as:$OWNER"
        FINISH=leave
        return 0
        ;;
    esac
    [ $record_settle_left -gt 0 ]
  do
    : at record settling unwritable
    record_settle_left=$((record_settle_left - 1))
    clock_nap 1
    [ -z "$NAP_SPUN" ] || [ $record_settle_left -lt 3 ] || record_settle_left=3
    if record_is_session; then
      : at record settling session-claimed
      record_run_hook
    fi
  done
}
