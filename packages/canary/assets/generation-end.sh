# shellcheck shell=sh disable=SC2034,SC2153
# Generation: what a recorder looks up and logs when its server has ended. Sourced.

# generation_read_name -> IDENTITY: the present name. A rename writes this note before it changes anything else.
generation_read_name() {
  generation_read_name_note=
  { read -r generation_read_name_note <"$STATE_DIR/names/$GEN"; } 2>/dev/null
  case $generation_read_name_note in identity=?*) IDENTITY=${generation_read_name_note#identity=} ;; esac
}

# generation_log STATE ORIGIN [REASON]: appends a canary line to lifecycle.log; ignores failures
generation_log() {
  clock_read
  clock_format
  { out "ts=$ISO ev=canary identity=$IDENTITY gen=$GEN state=$1 origin=$2${3:+ reason=$3}" >>"$RECORD_DIR/lifecycle.log"; } 2>/dev/null
}

# generation_note_seen MS -> SEEN_ALIVE: MS as ISO time, for a death whose time is not known
generation_note_seen() {
  SEEN_ALIVE=
  case $1 in '' | *[!0-9]*) return 0 ;; esac
  generation_note_seen_now=$NOW
  clock_split "$1"
  clock_format
  SEEN_ALIVE=$ISO
  NOW=$generation_note_seen_now
  clock_split "$NOW"
}

# generation_is_dismissed: the marker names this very recorder; a stale one for another recorder does not count
generation_is_dismissed() {
  generation_is_dismissed_for=
  [ -e "$STATE.dismiss" ] || return 1
  { read -r generation_is_dismissed_for <"$STATE.dismiss"; } 2>/dev/null
  [ "$generation_is_dismissed_for" = "$SELF" ]
}
