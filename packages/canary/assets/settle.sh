#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154
# Settle: settles one dead generation whose recorder is gone.
#
# Inputs   those of record.sh
# Output   one word: alive | unknown | busy | pending | silent | recorded | completed | settled | unwritable
# Exit     0 settled (silent, recorded, completed, settled), 3 nothing to settle yet, 1 could not be written

# complete_claim: the claim is there, its recorder is not; write what is missing of line and snapshot
complete_claim() {
  finish_session
  c_text=,$(readlink "$CLAIM"),
  c_rest=${c_text#*,rc=} c_rc=${c_rest%%,*}
  c_rest=${c_text#*,rec=} c_rec=${c_rest%%,*}
  c_rest=${c_text#*,ts=} c_ts=${c_rest%%,*}
  c_sys=
  case $c_text in *,c=hs,*) c_sys=hs ;; *,c=ss,*) c_sys=ss ;; esac
  case $c_text in *,m=g,*) MODE=guard ;; esac
  wait_for_recorder "$c_rec" || { echo busy; return 3; }
  line_there && snapshot_there && { forget; echo settled; return 0; }
  take_lease "$CLAIM.takeover" || { echo busy; return 3; }
  NOW=$c_ts
  facts_of "$c_rc" "$c_sys"
  c_done=0
  line_there || { heal_torn_line && write_line; } || c_done=1
  snapshot_there || write_snapshot || c_done=1
  [ $c_done -eq 0 ] && {
    forget
    set +f
    rm -f "$SNAPSHOT".*.part
    set -f
  }
  drop_leases "$CLAIM.takeover"
  [ $c_done -eq 0 ] || { echo unwritable; return 1; }
  echo completed
}

# wait_for_recorder PID:TOKEN -> 0 when it is gone; a stopped one is continued and gets two seconds
wait_for_recorder() {
  w_left=40
  while :; do
    id_look "$1"
    [ "$ID_STATE" = gone ] && return 0
    [ $w_left -gt 0 ] || return 1
    [ "$ID_STATE" = alive ] && kill -CONT "${1%%:*}" 2>/dev/null
    w_left=$((w_left - 1))
    nap 0.05
  done
}

# The line may have been rotated since.
line_there() {
  l_log=$RECORD_DIR/exits.log
  [ -n "$(sed -n "/ identity=$IDENTITY gen=$GEN .* forensics=./p" "$l_log" "$l_log.1" "$l_log.2" "$l_log.3" "$l_log.4" "$l_log.5" 2>/dev/null)" ]
}

snapshot_there() { [ "$(sed -n '$p' "$SNAPSHOT" 2>/dev/null)" = '--- end' ]; }

# settle_lost: no recorder is left; the facts are what arming noted.
settle_lost() {
  if [ -n "$KNOWN_RECORDER" ] && [ "$ARMED_BOOT" != - ]; then
    id_look "$KNOWN_RECORDER"
    [ "$ID_STATE" = gone ] || { echo busy; return 3; }
  fi
  boot_look
  if [ "$BOOT" = "$ARMED_BOOT" ]; then
    id_look "$SERVER"
    [ "$ID_STATE" = gone ] || { echo "$ID_STATE"; return 3; }
    lost=lost
  else
    lost=boot
  fi
  [ ! -h "$CLAIM" ] || { complete_claim; return; }
  read_intent
  case $I_STATE in
    done)
      forget
      echo silent
      return 0
      ;;
    pending)
      echo pending
      return 3
      ;;
    abandoned) log_state intent-withdrawn settle abandoned ;;
  esac
  [ -e "$STATE" ] || { echo settled; return 0; }
  record "$lost"
  case $? in
    0) echo recorded ;;
    1) complete_claim ;;
    *) echo unwritable; return 1 ;;
  esac
}

main() {
  set -f
  umask 077
  . "$IAPEER_LIB/process.sh"
  . "$IAPEER_LIB/record.sh"
  . "$IAPEER_LIB/snapshot.sh"
  settle_names
  settle_lost
}

main
exit
