# shellcheck shell=sh disable=SC1091,SC2034
# Cause: why a server or a leader died, as far as the recorder knows at that moment. Sourced; starts no process.
. "$IAPEER_LIB/cause-table.sh"

# cause_has_witness: a kill command was seen at most two seconds before NOW. Compares seconds and milliseconds separately, for
# shells with 32-bit arithmetic.
cause_has_witness() {
  cause_has_witness_at=
  [ -r "$WITNESS" ] || return 1
  # shellcheck disable=SC2034 # the words before and after the time
  { read -r cause_has_witness_word cause_has_witness_at cause_has_witness_rest <"$WITNESS"; } 2>/dev/null
  cause_has_witness_at=${cause_has_witness_at#ts_ms=}
  case $cause_has_witness_at in '' | *[!0-9]*) return 1 ;; esac
  cause_has_witness_s=$cause_has_witness_at cause_has_witness_ms=000
  if [ ${#cause_has_witness_at} -gt 11 ]; then
    cause_has_witness_s=${cause_has_witness_at%???}
    cause_has_witness_ms=${cause_has_witness_at#"$cause_has_witness_s"}
  fi
  cause_has_witness_gap=$((NOW_S - cause_has_witness_s))
  [ $cause_has_witness_gap -le 2 ] || return 1
  [ $cause_has_witness_gap -ge -60 ] || return 1
  [ $((cause_has_witness_gap * 1000 + 1${NOW_MS:-000} - 1$cause_has_witness_ms)) -le 2000 ]
}
