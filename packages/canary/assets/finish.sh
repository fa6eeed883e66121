# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Finish: the last part of guard and watch. Sourced.
#
# Inputs    FINISH  record: claim and line are written; write the snapshot, then remove the files of the generation
#                   forget: stopped on purpose; remove the files and the intents
#                   leave: nothing to record; remove the files
#                   empty: another recorder does the rest
# Returns   0 done; 1 incomplete: the next command or the daemon completes the record from the claim
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   recording   snapshot-written  -> done       remove the files of the generation, exit 0
#   recording   unwritable        -> recording  wait a second, at most 300 times
#   recording   no-process        -> left       exit 1: the next command or the daemon completes the record
#   forgetting  asked             -> done       remove the files of the generation and its intents, exit 0
#   leaving     asked             -> done       remove the files of the generation, exit 0
# End of states.

# finish_record: tries again while the disk is full or read-only; gives up if no process can be started
finish_record() {
  finish_record_left=300
  while
    completion_write_snapshot
    case $? in
      0)
        : at finish recording snapshot-written
        completion_forget
        return 0
        ;;
      "$NO_PROCESS")
        : at finish recording no-process
        return "$EXIT_FAILED"
        ;;
    esac
    [ "$finish_record_left" -gt 0 ]
  do
    : at finish recording unwritable
    finish_record_left=$((finish_record_left - 1))
    clock_nap 1
  done
  return "$EXIT_FAILED"
}

# finish_run: a shell that cannot open a file or make a pipe exits, but not in `command eval`
finish_run() {
  case $FINISH in
    record) command eval finish_record 2>/dev/null ;;
    forget)
      : at finish forgetting asked
      command eval completion_forget 2>/dev/null
      ;;
    leave)
      : at finish leaving asked
      command eval completion_leave 2>/dev/null
      ;;
  esac
}
