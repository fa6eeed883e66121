# shellcheck shell=sh disable=SC1091,SC2034
# Cause: why a server or a leader ended, as far as the recorder can say it at once. Sourced; starts no process.
. "$IAPEER_LIB/cause-table.sh"

# cause_has_witness: a kill command was seen at most two seconds before NOW. Both times are compared in two parts, for
# shells with 32 bits.
cause_has_witness() {
  seen_at=
  [ -r "$WITNESS" ] || return 1
  { read -r seen_word seen_at seen_rest <"$WITNESS"; } 2>/dev/null
  seen_at=${seen_at#ts_ms=}
  case $seen_at in '' | *[!0-9]*) return 1 ;; esac
  if [ ${#seen_at} -gt 11 ]; then seen_s=${seen_at%???} seen_ms=${seen_at#"${seen_at%???}"}; else seen_s=$seen_at seen_ms=000; fi
  seen_gap=$((NOW_S - seen_s))
  [ $seen_gap -le 2 ] || return 1
  [ $seen_gap -ge -60 ] || return 1
  [ $((seen_gap * 1000 + 1${NOW_MS:-000} - 1$seen_ms)) -le 2000 ]
}
