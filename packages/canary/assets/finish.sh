#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154,SC2317
# Finish: the last part of a recorder, which goes on in its process (hand_over in generation.sh).
#
# Argument  record: claim and line are written; the snapshot follows, and the files of the generation go
#           forget: its end was meant; the files go, its intents too
#           leave: the watch is over; the files go
# Inputs    those of generation.sh
# Exit      0 done; 1 something is left for the next command or the daemon, who complete it from the claim

# take_snapshot: a directory that is full or read-only may be mended; where no process can be started, it is left
take_snapshot() {
  CLAIMED=1
  claim_facts
  generation_identity
  cause_decide "$C_RC" "$C_SYSTEM"
  finish_left=300
  while
    complete_snapshot
    case $? in
      0)
        generation_forget
        return 0
        ;;
      3) return 1 ;;
    esac
    [ "$finish_left" -gt 0 ]
  do
    finish_left=$((finish_left - 1))
    clock_nap 1
  done
  return 1
}

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  . "$IAPEER_LIB/library.sh"
  generation_names
  case $1 in
    record) command eval take_snapshot 2>/dev/null ;;
    forget) command eval generation_forget 2>/dev/null ;;
    leave) command eval generation_leave 2>/dev/null ;;
  esac
}

main "$@"
exit
