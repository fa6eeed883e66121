# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Record: notes the status and the time of a death, the first that a recorder does. Sourced; starts no process.

# record_set_time -> NOW: the present time, or the time that a lost recorder noted (KNOWN_TIME); 1 if it cannot be read
record_set_time() {
  if [ -n "${KNOWN_TIME:-}" ]; then
    NOW=$KNOWN_TIME
    clock_split "$NOW"
  else
    clock_check
    clock_read
  fi
}

# record_note RC -> KNOWN_TIME: notes status and time of a server's death in the prepared file, once, as soon as the status is
# known. Everything that follows can fail or wait: the record has this time all the same. Where no descriptor is left, the status
# is noted without a time.
record_note() {
  [ -z "${KNOWN_TIME:-}" ] || return 0
  record_set_time
  KNOWN_TIME=$NOW
  claim_format "$1"
  claim_write_facts "$CLAIM_LINE"
}
