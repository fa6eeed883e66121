# shellcheck shell=sh disable=SC2034,SC2153
# Intent: whether a generation is stopped on purpose. Sourced; starts no process where /proc exists.
#
# Every declarer has files of its own: $INTENT, $INTENT.2, ..., and $SERVER_INTENT, $SERVER_INTENT.2, ..., which count for every
# identity of a watched server (earlier versions of iapeer wrote the first kind only). `done` outranks `pending`, and `pending`
# outranks an intent that has expired or whose declarer is gone.

# intent_read -> I_STATE none | done | pending | abandoned
intent_read() {
  I_STATE=none
  intent_read_all "$INTENT"
  [ -z "$SERVER_INTENT" ] || intent_read_all "$SERVER_INTENT"
}

# intent_read_all BASE -> I_STATE: merges the states of the files BASE, BASE.2, ...
intent_read_all() {
  intent_read_all_file=$1 intent_read_all_n=1
  while [ -e "$intent_read_all_file" ]; do
    intent_read_one "$intent_read_all_file"
    case $INTENT_FOUND:$I_STATE in
      'done':*) I_STATE='done' ;;
      pending:none | pending:abandoned) I_STATE=pending ;;
      abandoned:none) I_STATE=abandoned ;;
    esac
    intent_read_all_n=$((intent_read_all_n + 1))
    intent_read_all_file=$1.$intent_read_all_n
  done
}

# intent_read_one FILE -> INTENT_FOUND done | pending | abandoned | withdrawn
intent_read_one() {
  INTENT_FOUND='' intent_read_one_declarer='' intent_read_one_until=
  {
    while IFS='=' read -r intent_read_one_key intent_read_one_value; do
      case $intent_read_one_key in
        state) INTENT_FOUND=$intent_read_one_value ;;
        declarer) intent_read_one_declarer=$intent_read_one_value ;;
        until) intent_read_one_until=$intent_read_one_value ;;
      esac
    done <"$1"
  } 2>/dev/null
  [ "$INTENT_FOUND" = pending ] || return 0
  process_check "$intent_read_one_declarer"
  if [ "$ID_STATE" = gone ]; then
    INTENT_FOUND=abandoned
  elif [ -n "$intent_read_one_until" ]; then
    clock_read
    [ "$NOW_S" -le "$intent_read_one_until" ] || INTENT_FOUND=abandoned
  fi
}
