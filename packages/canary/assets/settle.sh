#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Settle: settles one dead generation whose recorder is gone.
#
# Inputs   those of generation.sh; IAPEER_RECORDER=<pid>:<token>, the last known recorder, if any; IAPEER_CLAIM_MS, the mtime of
#          the claim, if any; IAPEER_SEEN_MS, when the generation was last seen running, if known (both epoch milliseconds)
# Output   one word: alive | unknown | busy | pending | silent | recorded | completed | settled | unwritable
# Exit     0 settled (silent, recorded, completed, settled), 3 nothing to settle yet, 1 could not be written
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   looking     recorder-lives    -> later        print busy, exit 3
#   looking     server-lives      -> later        print alive, exit 3
#   looking     server-unknown    -> later        print unknown, exit 3
#   looking     gone              -> deciding     nothing: without a claim it is recorder-lost
#   looking     other-boot        -> deciding     nothing: without a claim it is host-reboot
#   deciding    claimed           -> completing   nothing
#   deciding    unclaimed         -> claiming     read the intents
#   claiming    intent-done       -> settled      remove the files, print silent
#   claiming    intent-pending    -> later        print pending, exit 3
#   claiming    intent-abandoned  -> claiming     log intent-withdrawn
#   claiming    state-gone        -> settled      print settled: another process has settled it
#   claiming    recorded          -> settled      write the snapshot, remove the files, print recorded
#   claiming    taken             -> completing   nothing: another process has claimed it just now
#   claiming    elsewhere         -> settled      log recorded-elsewhere, remove the files, print settled
#   claiming    unwritable        -> failed       print unwritable, exit 1
#   completing  session-claimed   -> handed-over  finish the record with the exit hook of this generation
#   completing  young             -> later        print busy, exit 3: its recorder may still write the facts
#   completing  recorder-lives    -> later        print busy, exit 3, after two seconds
#   completing  elsewhere         -> settled      log recorded-elsewhere, remove claim and files, print settled
#   completing  whole             -> settled      remove the files, print settled
#   completing  completed         -> settled      write what is missing, remove the files, print completed
#   completing  taken             -> later        print busy, exit 3: another process completes it
#   completing  unwritable        -> failed       print unwritable, exit 1
# End of states.

# How long after an empty claim its recorder may still write the facts.
YOUNG_MS=2000

# settle_report WORD: prints the outcome and returns its exit code
settle_report() {
  out "$1"
  case $1 in
    unwritable) return "$EXIT_FAILED" ;;
    alive | unknown | busy | pending) return "$EXIT_LATER" ;;
  esac
}

# settle_elsewhere: this server's death is recorded under another identity
settle_elsewhere() {
  generation_log recorded-elsewhere settle "as:$OWNER"
  completion_leave
}

# settle_claimed: completes the record of a claim whose recorder is gone
settle_claimed() {
  if record_is_session; then
    : at settle completing session-claimed
    record_run_hook
  fi
  completion_read
  if [ -z "$CLAIM_RECORDER" ] && settle_is_young; then
    : at settle completing young
    settle_report busy
    return
  fi
  if ! completion_wait "$CLAIM_RECORDER" 40; then
    : at settle completing recorder-lives
    settle_report busy
    return
  fi
  if ! claim_take_server; then
    : at settle completing elsewhere
    # Recorders of format 1 claimed a death once per identity of the server.
    settle_elsewhere
    rm -f "$CLAIM"
    settle_report settled
    return
  fi
  if completion_has_line && completion_has_snapshot; then
    : at settle completing whole
    completion_forget
    settle_report settled
    return
  fi
  cause_decide "$CLAIM_RC" "$CLAIM_SYSTEM"
  completion_run
  case $? in
    0)
      : at settle completing completed
      settle_report completed
      ;;
    "$LATER")
      : at settle completing taken
      settle_report busy
      ;;
    *)
      : at settle completing unwritable
      settle_report unwritable
      ;;
  esac
}

# settle_is_young: the empty claim is younger than YOUNG_MS
settle_is_young() {
  [ -n "$CLAIM_MS" ] || return 1
  settle_is_young_now=$NOW
  clock_read
  settle_is_young_age=$((NOW_S - ${CLAIM_MS%???}))
  NOW=$settle_is_young_now
  clock_split "$NOW"
  [ $settle_is_young_age -lt $((YOUNG_MS / 1000)) ]
}

# settle_read_boot -> BOOT: <boot id>/<start token of pid 1>, `-` for a part that cannot be read
settle_read_boot() {
  BOOT=-
  if [ -r /proc/self/stat ]; then
    { read -r BOOT </proc/sys/kernel/random/boot_id; } 2>/dev/null
  else
    BOOT='ps'
  fi
  process_read 1
  BOOT=${BOOT:--}/${P_TOKEN:--}
}

# settle_processes -> RC (lost | boot): 0 recorder and server are gone; else the outcome has been printed
settle_processes() {
  if [ -n "$KNOWN_RECORDER" ] && [ "$ARMED_BOOT" != - ]; then
    process_check "$KNOWN_RECORDER"
    if [ "$ID_STATE" != gone ]; then
      : at settle looking recorder-lives
      settle_report busy
      return
    fi
  fi
  settle_read_boot
  if [ "$BOOT" != "$ARMED_BOOT" ]; then
    : at settle looking other-boot
    RC=boot
    settle_take_boot_time
    return 0
  fi
  process_check "$SERVER"
  case $ID_STATE in
    gone)
      : at settle looking gone
      RC=lost
      return 0
      ;;
    alive)
      : at settle looking server-lives
      ;;
    *)
      : at settle looking server-unknown
      ;;
  esac
  settle_report "$ID_STATE"
}

# settle_take_boot_time -> KNOWN_TIME: this boot began after the death. A clock that was wrong at boot may place it before the time
# when the generation was last seen running: then the time is that of this check.
settle_take_boot_time() {
  clock_read_boot || return 0
  [ -n "$SEEN_MS" ] || return 0
  clock_read
  if [ "$BOOTED_S" -ge "${SEEN_MS%???}" ] && [ "$BOOTED_S" -le "$NOW_S" ]; then KNOWN_TIME=${BOOTED_S}000; fi
}

# settle_unclaimed: no recorder has claimed the death; the facts come from the prepared file, else from arming
settle_unclaimed() {
  intent_read
  case $I_STATE in
    done)
      : at settle claiming intent-done
      completion_forget
      settle_report silent
      return
      ;;
    pending)
      : at settle claiming intent-pending
      settle_report pending
      return
      ;;
    abandoned)
      : at settle claiming intent-abandoned
      generation_log intent-withdrawn settle abandoned
      ;;
  esac
  if [ ! -e "$STATE" ]; then
    : at settle claiming state-gone
    settle_report settled
    return
  fi
  settle_take_facts
  [ "$RC" != lost ] || settle_take_witness
  record_write "$RC"
  case $? in
    0)
      if ! completion_write_snapshot; then
        : at settle claiming unwritable
        settle_report unwritable
        return
      fi
      : at settle claiming recorded
      completion_forget
      settle_report recorded
      ;;
    "$TAKEN")
      : at settle claiming taken
      settle_claimed
      ;;
    "$ELSEWHERE")
      : at settle claiming elsewhere
      settle_elsewhere
      settle_report settled
      ;;
    *)
      : at settle claiming unwritable
      settle_report unwritable
      ;;
  esac
}

# settle_take_facts -> RC MODE KNOWN_TIME: the facts of a recorder that saw the death but could not claim it
settle_take_facts() {
  claim_read_facts "$FACTS"
  [ -n "$FACTS_TEXT" ] || return 0
  claim_parse "$FACTS_TEXT"
  RC=$CLAIM_RC
  [ "$CLAIM_MODE" != g ] || MODE=guard
  [ -z "$CLAIM_TIME" ] || KNOWN_TIME=$CLAIM_TIME
}

# settle_take_witness -> KNOWN_TIME: a kill command was witnessed after the generation was last seen running. A witness whose
# command killed nothing is removed, so this one tells the time of death.
settle_take_witness() {
  [ -n "$SEEN_MS" ] || return 0
  clock_read
  cause_read_witness "${SEEN_MS%???}" "$NOW_S" || return 0
  KNOWN_TIME=$WITNESS_TIME
}

main() {
  set -f
  umask 077
  generation_set
  generation_read_name
  settle_processes || return
  if claim_exists || record_claim_for_hook; then
    : at settle deciding claimed
    settle_claimed
  else
    : at settle deciding unclaimed
    settle_unclaimed
  fi
}

. "$IAPEER_LIB/library.sh"
main
exit
