#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Settle: settles one dead generation whose recorder is gone.
#
# Inputs   those of generation.sh; IAPEER_CLAIM_MS, the mtime of its claim in epoch milliseconds, where there is one
# Output   one word: alive | unknown | busy | pending | silent | recorded | completed | settled | unwritable
# Exit     0 settled (silent, recorded, completed, settled), 3 nothing to settle yet, 1 could not be written

# Facts of an empty claim may still be on their way from its recorder for so long.
YOUNG_MS=2000

# settle_say WORD: the outcome, and the exit code that belongs to it
settle_say() {
  out "$1"
  case $1 in
    unwritable) return "$EXIT_FAILED" ;;
    alive | unknown | busy | pending) return "$EXIT_LATER" ;;
  esac
}

# settle_elsewhere: the end of this server is recorded under another name
settle_elsewhere() {
  generation_log recorded-elsewhere settle "as:$OWNER"
  completion_leave
}

# settle_claimed: the claim is there, its recorder is not; write what is missing of line and snapshot
settle_claimed() {
  record_finish_session
  completion_read
  if [ -z "$CLAIM_RECORDER" ] && settle_is_young; then
    settle_say busy
    return
  fi
  completion_wait "$CLAIM_RECORDER" 40 || { settle_say busy; return; }
  if ! claim_take_server; then
    # Recorders before 0.2 claimed a server for each name that watched it.
    settle_elsewhere
    rm -f "$CLAIM"
    settle_say settled
    return
  fi
  if completion_has_line && completion_has_snapshot; then
    completion_forget
    settle_say settled
    return
  fi
  cause_decide "$CLAIM_RC" "$CLAIM_SYSTEM"
  completion_run
  case $? in
    0) settle_say completed ;;
    "$LATER") settle_say busy ;;
    *) settle_say unwritable ;;
  esac
}

# settle_is_young: the empty claim was made a moment ago
settle_is_young() {
  [ -n "$CLAIM_MS" ] || return 1
  settle_is_young_now=$NOW
  clock_read
  settle_is_young_age=$((NOW_S - ${CLAIM_MS%???}))
  NOW=$settle_is_young_now
  clock_split "$NOW"
  [ $settle_is_young_age -lt $((YOUNG_MS / 1000)) ]
}

# settle_processes -> RC (lost | boot): 0 recorder and server are gone; else the outcome has been said
settle_processes() {
  if [ -n "$KNOWN_RECORDER" ] && [ "$ARMED_BOOT" != - ]; then
    process_check "$KNOWN_RECORDER"
    [ "$ID_STATE" = gone ] || { settle_say busy; return; }
  fi
  process_read_boot
  RC=boot
  [ "$BOOT" = "$ARMED_BOOT" ] || return 0
  RC=lost
  process_check "$SERVER"
  [ "$ID_STATE" = gone ] || settle_say "$ID_STATE"
}

# settle_unclaimed: no recorder has claimed the end; the facts are what it could still note, else what arming noted
settle_unclaimed() {
  intent_read
  case $I_STATE in
    done)
      completion_forget
      settle_say silent
      return
      ;;
    pending)
      settle_say pending
      return
      ;;
    abandoned) generation_log intent-withdrawn settle abandoned ;;
  esac
  [ -e "$STATE" ] || { settle_say settled; return; }
  settle_take_facts
  record_write "$RC"
  case $? in
    0)
      completion_write_snapshot || { settle_say unwritable; return; }
      completion_forget
      settle_say recorded
      ;;
    "$TAKEN") settle_claimed ;;
    "$ELSEWHERE")
      settle_elsewhere
      settle_say settled
      ;;
    *) settle_say unwritable ;;
  esac
}

# settle_take_facts -> RC MODE KNOWN_TIME: its recorder has seen the end, and could not even claim it; what it noted is what
# happened, and when
settle_take_facts() {
  claim_read_facts "$FACTS"
  [ -n "$FACTS_TEXT" ] || return 0
  claim_parse "$FACTS_TEXT"
  RC=$CLAIM_RC
  [ "$CLAIM_MODE" != g ] || MODE=guard
  [ -z "$CLAIM_TIME" ] || KNOWN_TIME=$CLAIM_TIME
}

main() {
  set -f
  umask 077
  . "$IAPEER_LIB/library.sh"
  generation_set
  generation_read_name
  settle_processes || return
  if claim_exists; then settle_claimed; else settle_unclaimed; fi
}

main
exit
