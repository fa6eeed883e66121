#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154,SC2317
# Finish: the last part of a recorder, in the same process (generation_hand_over in generation.sh).
#
# Argument  record: claim and line are written; write the snapshot, then remove the files of the generation
#           forget: stopped on purpose; remove the files and the intents
#           leave: nothing to record; remove the files
#           record has a second argument: ours | shared, or empty (HOST_ROLE, see host-lease.sh)
# Inputs    those of generation.sh
# Exit      0 done; 1 incomplete: the next command or the daemon completes the record from the claim
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   recording   snapshot-written  -> done       remove the files of the generation, exit 0
#   recording   unwritable        -> recording  wait a second, at most 300 times
#   recording   no-process        -> left       exit 1: the next command or the daemon completes the record
#   forgetting  asked             -> done       remove the files of the generation and its intents, exit 0
#   leaving     asked             -> done       remove the files of the generation, exit 0
# End of states.

# finish_record HOST_ROLE: tries again while the disk is full or read-only; gives up if no process can be started
finish_record() {
  CLAIMED=1
  completion_read
  generation_read_name
  cause_decide "$CLAIM_RC" "$CLAIM_SYSTEM"
  HOST_ROLE=$1
  host_name
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

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  generation_set
  case $1 in
    record) command eval 'finish_record "${2:-}"' 2>/dev/null ;;
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

. "$IAPEER_LIB/library.sh"
main "$@"
exit
