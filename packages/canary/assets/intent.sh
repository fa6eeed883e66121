# shellcheck shell=sh disable=SC2034,SC2153
# Intent: whether a generation was meant to end. Sourced; starts no process where there is /proc.
#
# Every declarer has files of its own: $INTENT, $INTENT.2, ..., and $SERVER_INTENT, $SERVER_INTENT.2, ..., which count for every
# name that a server is watched under (declarers before 0.2 wrote the first kind only). One that is done outranks one
# that is pending, and that one outranks one whose declarer is dead or too late.

# intent_read -> I_STATE none | done | pending | abandoned
intent_read() {
  I_STATE=none
  intent_read_all "$INTENT"
  [ -z "$SERVER_INTENT" ] || intent_read_all "$SERVER_INTENT"
}

# intent_read_all BASE: adds what the files BASE, BASE.2, ... say to I_STATE
intent_read_all() {
  intent_file=$1 intent_n=1
  while [ -e "$intent_file" ]; do
    intent_read_one "$intent_file"
    case $intent_state:$I_STATE in
      'done':*) I_STATE='done' ;;
      pending:none | pending:abandoned) I_STATE=pending ;;
      abandoned:none) I_STATE=abandoned ;;
    esac
    intent_n=$((intent_n + 1))
    intent_file=$1.$intent_n
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
