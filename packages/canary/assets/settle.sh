#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Settle: settles one dead generation whose recorder is gone.
#
# Inputs   those of generation.sh; IAPEER_CLAIM_MS, the mtime of its claim in epoch milliseconds, where there is one
# Output   one word: alive | unknown | busy | pending | silent | recorded | completed | settled | unwritable
# Exit     0 settled (silent, recorded, completed, settled), 3 nothing to settle yet, 1 could not be written

# Facts of an empty claim may still be on their way from its recorder for so long.
YOUNG_MS=2000

# complete_claim: the claim is there, its recorder is not; write what is missing of line and snapshot
complete_claim() {
  finish_session
  claim_facts
  if [ -z "$C_REC" ] && is_young; then
    echo busy
    return 3
  fi
  wait_for_recorder "$C_REC" || { echo busy; return 3; }
  if ! claim_server server; then
    # Recorders before 0.2 claimed a server for each name that watched it.
    generation_log recorded-elsewhere settle "as:$OWNER"
    generation_leave
    rm -f "$CLAIM"
    echo settled
    return 0
  fi
  line_is_there && snapshot_is_there && { generation_forget; echo settled; return 0; }
  lease_take "$CLAIM.takeover" || { echo busy; return 3; }
  cause_decide "$C_RC" "$C_SYSTEM"
  c_done=0
  line_is_there || { heal_torn_line && record_line; } || c_done=1
  snapshot_is_there || complete_snapshot || c_done=1
  [ $c_done -ne 0 ] || {
    generation_forget
    set +f
    rm -f "$SNAPSHOT".*.part
    set -f
  }
  [ ! -f "$CLAIM" ] || [ -h "$CLAIM" ] || claim_fill "$CLAIM_TEXT"
  lease_drop "$CLAIM.takeover"
  [ $c_done -eq 0 ] || { echo unwritable; return 1; }
  echo completed
}

# is_young: the empty claim was made a moment ago
is_young() {
  [ -n "$CLAIM_MS" ] || return 1
  clock_now
  young_s=${CLAIM_MS%???}
  [ $((NOW_S - young_s)) -lt $((YOUNG_MS / 1000)) ]
}

# wait_for_recorder PID:TOKEN -> 0 when it is gone; a stopped one is continued and gets two seconds
wait_for_recorder() {
  [ -n "$1" ] || return 0
  w_left=40
  while :; do
    process_check "$1"
    [ "$ID_STATE" = gone ] && return 0
    [ $w_left -gt 0 ] || return 1
    [ "$ID_STATE" = alive ] && kill -CONT "${1%%:*}" 2>/dev/null
    w_left=$((w_left - 1))
    clock_nap 0.05
  done
}

# The line may have been rotated since.
line_is_there() {
  l_log=$RECORD_DIR/exits.log
  [ -n "$(sed -n "/ identity=[^ ]* gen=$GEN .* forensics=./p" "$l_log" "$l_log.1" "$l_log.2" "$l_log.3" "$l_log.4" "$l_log.5" 2>/dev/null)" ]
}

snapshot_is_there() { [ "$(sed -n '$p' "$SNAPSHOT" 2>/dev/null)" = '--- end' ]; }

# settle_lost: no recorder is left; the facts are what it could still note, else what arming noted
settle_lost() {
  if [ -n "$KNOWN_RECORDER" ] && [ "$ARMED_BOOT" != - ]; then
    process_check "$KNOWN_RECORDER"
    [ "$ID_STATE" = gone ] || { echo busy; return 3; }
  fi
  boot_look
  if [ "$BOOT" = "$ARMED_BOOT" ]; then
    process_check "$SERVER"
    [ "$ID_STATE" = gone ] || { echo "$ID_STATE"; return 3; }
    lost=lost
  else
    lost=boot
  fi
  if claim_is_there; then
    complete_claim
    return
  fi
  intent_read
  case $I_STATE in
    done)
      generation_forget
      echo silent
      return 0
      ;;
    pending)
      echo pending
      return 3
      ;;
    abandoned) generation_log intent-withdrawn settle abandoned ;;
  esac
  [ -e "$STATE" ] || { echo settled; return 0; }
  take_facts
  record_write "$lost"
  case $? in
    0) if complete_snapshot; then generation_forget; else echo unwritable; return 1; fi
      echo recorded
      ;;
    1) complete_claim ;;
    4)
      generation_log recorded-elsewhere settle "as:$OWNER"
      generation_leave
      echo settled
      ;;
    *)
      echo unwritable
      return 1
      ;;
  esac
}

# take_facts: its recorder has seen the end, and could not even claim it; what it noted is what happened, and when
take_facts() {
  facts_read "$FACTS"
  [ -n "$FACTS_TEXT" ] || return 0
  claim_field rc "$FACTS_TEXT" && lost=$FIELD
  claim_field m "$FACTS_TEXT"
  [ "$FIELD" != g ] || MODE=guard
  claim_field ts "$FACTS_TEXT"
  [ -z "$FIELD" ] || KNOWN_TIME=$FIELD
}

main() {
  set -f
  umask 077
  . "$IAPEER_LIB/library.sh"
  generation_names
  generation_identity
  settle_lost
}

main
exit
