# shellcheck shell=sh disable=SC2034
# Clock: reads the time without a process. Sourced.
#
# Input    IAPEER_CLOCK=<seconds>.<three digits>/<btime>: the wall clock minus /proc/uptime, and `btime` of /proc/stat, when the
#          recorder was armed. Without it (macOS) the time comes from `date`.
# Outputs  NOW    epoch milliseconds, 13 digits; seconds, 10 digits, from a `date` without fractions
#          NOW_S  its seconds   NOW_MS  its last three digits, or empty
#
# Arithmetic stays below 2^31: mksh has 32 bits.

# clock_set VALUE: sets the offset; with any other text `date` is used
clock_set() {
  CLOCK_S='' CLOCK_MS='' CLOCK_BTIME='' CLOCK_STEP=0
  case $1 in
    *[!0-9./]*) return 0 ;;
    [0-9]*.[0-9][0-9][0-9]/*) ;;
    *) return 0 ;;
  esac
  CLOCK_S=${1%%.*}
  clock_set_rest=${1#*.}
  CLOCK_MS=${clock_set_rest%%/*}
  CLOCK_BTIME=${clock_set_rest#*/}
}

# clock_read_uptime -> UP_S, UP_MS: seconds and milliseconds since boot; 1 if /proc/uptime cannot be read
clock_read_uptime() {
  clock_read_uptime_text=
  { read -r clock_read_uptime_text clock_read_uptime_rest </proc/uptime; } 2>/dev/null
  case $clock_read_uptime_text in [0-9]*.[0-9][0-9]) ;; *) return 1 ;; esac
  UP_S=${clock_read_uptime_text%.*}
  UP_MS=$((1${clock_read_uptime_text#*.}0 - 1000))
}

# clock_check -> CLOCK_STEP: how far the wall clock was set since arming, from `btime`, which moves with it. The kernel rounds
# it, so a difference of one second does not count.
clock_check() {
  CLOCK_STEP=0
  [ -n "$CLOCK_BTIME" ] || return 0
  clock_find_boot || return 0
  CLOCK_STEP=$((BOOTED_S - CLOCK_BTIME))
  case $CLOCK_STEP in -1 | 1) CLOCK_STEP=0 ;; esac
}

# clock_find_boot -> BOOTED_S: like clock_read_boot, but reads /proc/stat once for all recorders of a tenth of a second. Some shells read
# with one system call a character, which takes milliseconds on a host with many processors. The one that reads it notes in CLOCK_FILE, in
# place: boot, uptime in tenths of a second, `btime`, and both again, which differ if the line was replaced while it was read.
clock_find_boot() {
  if [ ! -f "$CLOCK_FILE" ] || ! clock_read_uptime; then
    clock_read_boot
    return
  fi
  clock_find_boot_moment="$CLOCK_BOOT ${clock_read_uptime_text%?}" clock_find_boot_line=
  { IFS= read -r clock_find_boot_line <"$CLOCK_FILE"; } 2>/dev/null
  BOOTED_S=${clock_find_boot_line##* }
  case $BOOTED_S in '' | *[!0-9]*) ;; *)
    [ "$clock_find_boot_line" != "$clock_find_boot_moment $BOOTED_S $clock_find_boot_moment $BOOTED_S" ] || return 0
    ;;
  esac
  clock_read_boot || return 1
  # A note that cannot be written costs the others some time, but nothing is missing from a record.
  clock_find_boot_failed=${OUT_FAILED:-}
  { out "$clock_find_boot_moment $BOOTED_S $clock_find_boot_moment $BOOTED_S" 1<>"$CLOCK_FILE"; } 2>/dev/null
  OUT_FAILED=$clock_find_boot_failed
  return 0
}

# clock_read_boot -> BOOTED_S: when this boot began, by the present wall clock (`btime`, epoch seconds); 1 if it cannot be read
clock_read_boot() {
  BOOTED_S=
  {
    while read -r clock_read_boot_key clock_read_boot_value clock_read_boot_rest; do
      case $clock_read_boot_key in btime)
        BOOTED_S=$clock_read_boot_value
        break
        ;;
      esac
    done </proc/stat
  } 2>/dev/null
  case $BOOTED_S in '' | *[!0-9]*) return 1 ;; esac
}

# clock_read -> NOW, NOW_S, NOW_MS; 1 if the time cannot be read, because no descriptor is left: they are empty then
clock_read() {
  if [ -z "$CLOCK_S" ] || ! clock_read_uptime; then
    clock_ask_date
    [ -n "$NOW" ]
    return
  fi
  NOW_S=$((UP_S + CLOCK_S + CLOCK_STEP)) NOW_MS=$((UP_MS + 1$CLOCK_MS - 1000))
  if [ $NOW_MS -ge 1000 ]; then NOW_S=$((NOW_S + 1)) NOW_MS=$((NOW_MS - 1000)); fi
  NOW_MS=$((NOW_MS + 1000))
  NOW_MS=${NOW_MS#1}
  NOW=$NOW_S$NOW_MS
}

# clock_ask_date: the same from `date`; starts a process. A shell that cannot make a pipe exits, but not in `command eval`.
clock_ask_date() {
  NOW=
  command eval 'NOW=$(date +%s%3N 2>/dev/null)' 2>/dev/null
  case $NOW in '' | *[!0-9]*)
    NOW=
    command eval 'NOW=$(date +%s)' 2>/dev/null
    ;;
  esac
  clock_split "$NOW"
}

# clock_split NOW -> NOW_S, NOW_MS
clock_split() {
  NOW_S=$1 NOW_MS=
  [ ${#1} -gt 11 ] || return 0
  NOW_S=${1%???}
  NOW_MS=${1#"$NOW_S"}
}
