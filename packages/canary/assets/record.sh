# shellcheck shell=sh disable=SC2034,SC2154
# Record: the end of a watch over a server: decides between silence and a record, and writes the record once. Sourced.
#
# From the moment the wait status is known until the line is written, nothing here starts a process: where no process can
# be started, the death is known all the same. What needs one (snapshot, clean-up) comes behind the line, in finish.sh.
# Outputs  the facts in the prepared file, the claim, the line in exits.log; or nothing at all

# record_line: the facts in WAIT_RC CAUSE SIGNAL MODE RECORDER become one line of exits.log
record_line() {
  clock_iso
  text_quote "$SNAPSHOT"
  # A first try may have been torn by a full disk: what it left must not swallow this line.
  line_lead=
  [ -z "${LINE_TORN:-}" ] || line_lead='
'
  {
    out "${line_lead}ts=$ISO ev=server-exit identity=$IDENTITY gen=$GEN server_pid=$SERVER_PID server_start=$SERVER_TOKEN wait_rc=$WAIT_RC cause=$CAUSE${SIGNAL:+ signal=$SIGNAL} mode=$MODE recorder=$RECORDER${SEEN_ALIVE:+ seen_alive=$SEEN_ALIVE} forensics=$QUOTED" >>"$RECORD_DIR/exits.log"
  } 2>/dev/null
}

# record_time -> NOW: this moment, or the one that a recorder that is gone has noted
record_time() {
  if [ -n "${KNOWN_TIME:-}" ]; then
    NOW=$KNOWN_TIME
    clock_split "$NOW"
  else
    clock_check
    clock_now
  fi
}

# record_write RC -> facts, claim, line, in this order, each once however often it is called.
# 0 written, 1 another recorder does it, 2 something could not be written (call again), 4 the end of this server is
# recorded under another name
record_write() {
  if [ -z "$CLAIMED" ]; then
    record_time
    generation_identity
    record_mark=
    [ "$MODE" != guard ] || record_mark=,m=g
    record_text="rc=$1,ev=server,rec=$SELF,ts=$NOW$record_mark"
    facts_write "$record_text"
    claim_server server || return 4
    claim_take "$record_text" || return $?
    CLAIMED=1
    cause_decide "$1" ''
    # No recorder saw it: this is the time at which it was found.
    case $1 in lost | boot) generation_seen "$SEEN_MS" ;; esac
  fi
  if [ -z "$LINED" ]; then
    record_line || { LINE_TORN=1; return 2; }
    LINED=1
    claim_fill "$record_text"
  fi
  return 0
}

# finish_session: a claim of the exit hook is finished by its own script
finish_session() {
  command eval claim_read
  case $CLAIM_TEXT in
    *ev=session*) ;;
    '')
      # Empty: the hook has left its facts where it could.
      facts_read "$LEADER_FACTS"
      [ -n "$FACTS_TEXT" ] || return 0
      ;;
    *) return 0 ;;
  esac
  exec /bin/sh "$STATE.hook" "$STATE"
}

# settle RC: the original server is gone. A pending intent holds the decision until it is done, withdrawn or abandoned.
# What follows the decision is done by finish.sh, in this very process.
settle() {
  if claim_is_there; then finish_session; fi
  intent_read
  settle_seen=$I_STATE
  while [ "$I_STATE" = pending ]; do
    clock_nap 0.05
    intent_read
  done
  case $settle_seen:$I_STATE in
    *:done | pending:abandoned) hand_over forget ;;
    abandoned:*) generation_log intent-withdrawn self abandoned ;;
  esac
  # A directory that is full or read-only may be mended; after that time the claim, or the state file, is completed by
  # reconcile.
  settle_left=300
  while
    record_write "$1"
    case $? in
      0) hand_over record ;;
      1)
        if claim_is_there; then finish_session; fi
        return 0
        ;;
      4)
        generation_log recorded-elsewhere self "as:$OWNER"
        hand_over leave
        ;;
    esac
    [ $settle_left -gt 0 ]
  do
    settle_left=$((settle_left - 1))
    clock_nap 1
    [ -z "$NAP_SPUN" ] || [ $settle_left -lt 3 ] || settle_left=3
  done
}
