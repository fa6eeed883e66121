# shellcheck shell=sh disable=SC2034,SC2153
# Cause: when a kill command was seen. Sourced; starts no process.

# cause_read_witness FROM TO -> WITNESS_TIME (epoch milliseconds): a kill command was seen between these epoch seconds
cause_read_witness() {
  WITNESS_TIME=
  [ -r "$WITNESS" ] || return 1
  # shellcheck disable=SC2034 # the words before and after the time
  { read -r cause_read_witness_word WITNESS_TIME cause_read_witness_rest <"$WITNESS"; } 2>/dev/null
  WITNESS_TIME=${WITNESS_TIME#ts_ms=}
  case $WITNESS_TIME in *[!0-9]*) return 1 ;; esac
  [ ${#WITNESS_TIME} -eq 13 ] || return 1
  [ "${WITNESS_TIME%???}" -ge "$1" ] && [ "${WITNESS_TIME%???}" -le "$2" ]
}
