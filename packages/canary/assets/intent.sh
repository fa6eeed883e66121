# shellcheck shell=sh disable=SC2034,SC2153
# Intent: whether a generation was meant to end. Sourced; starts no process where there is /proc.
#
# Every declarer has a file of its own: $INTENT, $INTENT.2, ... One that is done outranks one that is pending, and that
# one outranks one whose declarer is dead or too late.

# intent_read -> I_STATE none | done | pending | abandoned
intent_read() {
  I_STATE=none intent_file=$INTENT intent_n=1
  while [ -e "$intent_file" ]; do
    intent_read_one "$intent_file"
    case $intent_state:$I_STATE in
      'done':*) I_STATE='done' ;;
      pending:none | pending:abandoned) I_STATE=pending ;;
      abandoned:none) I_STATE=abandoned ;;
    esac
    intent_n=$((intent_n + 1))
    intent_file=$INTENT.$intent_n
  done
}

# intent_read_one FILE -> intent_state done | pending | abandoned | withdrawn
intent_read_one() {
  intent_state='' intent_declarer='' intent_until=
  {
    while IFS='=' read -r intent_key intent_value; do
      case $intent_key in
        state) intent_state=$intent_value ;;
        declarer) intent_declarer=$intent_value ;;
        until) intent_until=$intent_value ;;
      esac
    done <"$1"
  } 2>/dev/null
  [ "$intent_state" = pending ] || return 0
  process_check "$intent_declarer"
  if [ "$ID_STATE" = gone ]; then
    intent_state=abandoned
  elif [ -n "$intent_until" ]; then
    clock_now
    [ "$NOW_S" -le "$intent_until" ] || intent_state=abandoned
  fi
}
