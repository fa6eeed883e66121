# shellcheck shell=sh disable=SC2034,SC3045
# Clock: reads the time without a process, and waits without one if the shell can. Sourced.
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
  clock_read_boot || return 0
  CLOCK_STEP=$((BOOTED_S - CLOCK_BTIME))
  case $CLOCK_STEP in -1 | 1) CLOCK_STEP=0 ;; esac
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

# clock_format -> ISO: NOW_S and NOW_MS as UTC (days to date: proleptic Gregorian, eras of 400 years that begin in March)
clock_format() {
  clock_format_days=$((NOW_S / 86400 + 719468)) clock_format_left=$((NOW_S % 86400))
  clock_format_era=$((clock_format_days / 146097)) clock_format_day=$((clock_format_days % 146097))
  clock_format_year=$(((clock_format_day - clock_format_day / 1460 + clock_format_day / 36524 - clock_format_day / 146096) / 365))
  clock_format_day=$((clock_format_day - (365 * clock_format_year + clock_format_year / 4 - clock_format_year / 100)))
  clock_format_month=$(((5 * clock_format_day + 2) / 153))
  clock_format_number=$((clock_format_month < 10 ? clock_format_month + 3 : clock_format_month - 9))
  ISO=$((clock_format_year + clock_format_era * 400 + (clock_format_number <= 2)))
  clock_format_part - "$clock_format_number"
  clock_format_part - $((clock_format_day - (153 * clock_format_month + 2) / 5 + 1))
  clock_format_part T $((clock_format_left / 3600))
  clock_format_part : $((clock_format_left % 3600 / 60))
  clock_format_part : $((clock_format_left % 60))
  ISO=$ISO${NOW_MS:+.$NOW_MS}Z
}

clock_format_part() { if [ "$2" -lt 10 ]; then ISO=$ISO${1}0$2; else ISO=$ISO$1$2; fi; }

# clock_nap SECONDS -> NAP_SPUN: waits; a second if `sleep` takes no fractions. Spins if no process can be started, and sets
# NAP_SPUN. With LC_ALL=C, here and elsewhere, a program loads no locale; `ps` needs it, for the names of processes.
clock_nap() {
  NAP_SPUN=
  if [ -n "$NAP_FD" ]; then
    read -r -t "$1" clock_nap_line <&9
    return 0
  fi
  if [ -z "$NAP_WHOLE" ]; then command eval 'LC_ALL=C sleep "$1"' 2>/dev/null && return 0; fi
  if command eval 'LC_ALL=C sleep 1' 2>/dev/null; then
    NAP_WHOLE=1
    return 0
  fi
  NAP_SPUN=1
  clock_spin "$1"
}

# clock_spin SECONDS: busy-waits, 50 or 500 ms
clock_spin() {
  clock_read_uptime || return 0
  case $1 in
    0.0*) clock_spin_ms=50 ;;
    *) clock_spin_ms=500 ;;
  esac
  clock_spin_s=$UP_S clock_spin_from=$UP_MS
  while clock_read_uptime && [ $(((UP_S - clock_spin_s) * 1000 + UP_MS - clock_spin_from)) -lt $clock_spin_ms ]; do :; done
}
