# shellcheck shell=sh disable=SC2034,SC3045
# Clock: tells the time without a process, and waits without one where the shell can. Sourced.
#
# Input    IAPEER_CLOCK=<seconds>.<three digits>/<btime>: the wall clock minus /proc/uptime, and `btime` of /proc/stat, as
#          they were when the recorder was armed. Without it (macOS) `date` is asked.
# Outputs  NOW    epoch milliseconds, 13 digits; 10 digits (seconds) where only a `date` without fractions can tell
#          NOW_S  its seconds   NOW_MS  its three last digits, or empty
#
# Arithmetic stays below 2^31: mksh has no more bits.

# clock_set VALUE: takes over a noted offset; anything else leaves `date` in charge
clock_set() {
  CLOCK_S='' CLOCK_MS='' CLOCK_BTIME='' CLOCK_STEP=0
  case $1 in
    *[!0-9./]*) return 0 ;;
    [0-9]*.[0-9][0-9][0-9]/*) ;;
    *) return 0 ;;
  esac
  CLOCK_S=${1%%.*}
  clock_rest=${1#*.}
  CLOCK_MS=${clock_rest%%/*}
  CLOCK_BTIME=${clock_rest#*/}
}

# clock_uptime -> UP_S, UP_MS: seconds and milliseconds since boot; 1 where the system does not tell
clock_uptime() {
  clock_text=
  { read -r clock_text clock_rest </proc/uptime; } 2>/dev/null
  case $clock_text in [0-9]*.[0-9][0-9]) ;; *) return 1 ;; esac
  UP_S=${clock_text%.*}
  UP_MS=$((1${clock_text#*.}0 - 1000))
}

# clock_check: notices that the wall clock was set since arming. `btime` moves with it. A second more or less is the
# rounding of the kernel.
clock_check() {
  CLOCK_STEP=0
  [ -n "$CLOCK_BTIME" ] || return 0
  clock_found=
  {
    while read -r clock_key clock_value clock_rest; do
      case $clock_key in btime)
        clock_found=$clock_value
        break
        ;;
      esac
    done </proc/stat
  } 2>/dev/null
  case $clock_found in '' | *[!0-9]*) return 0 ;; esac
  CLOCK_STEP=$((clock_found - CLOCK_BTIME))
  case $CLOCK_STEP in -1 | 1) CLOCK_STEP=0 ;; esac
}

# clock_now -> NOW, NOW_S, NOW_MS
clock_now() {
  if [ -z "$CLOCK_S" ] || ! clock_uptime; then
    clock_ask
    return 0
  fi
  NOW_S=$((UP_S + CLOCK_S + CLOCK_STEP)) NOW_MS=$((UP_MS + 1$CLOCK_MS - 1000))
  if [ $NOW_MS -ge 1000 ]; then NOW_S=$((NOW_S + 1)) NOW_MS=$((NOW_MS - 1000)); fi
  NOW_MS=$((NOW_MS + 1000))
  NOW_MS=${NOW_MS#1}
  NOW=$NOW_S$NOW_MS
}

# clock_ask: the same from `date`, which is a process
clock_ask() {
  NOW=$(date +%s%3N 2>/dev/null)
  case $NOW in '' | *[!0-9]*) NOW=$(date +%s) ;; esac
  clock_split "$NOW"
}

# clock_split NOW -> NOW_S, NOW_MS
clock_split() {
  NOW_S=$1 NOW_MS=
  [ ${#1} -gt 11 ] || return 0
  NOW_S=${1%???}
  NOW_MS=${1#"$NOW_S"}
}

# clock_iso -> ISO: NOW_S and NOW_MS as UTC (days to date: proleptic Gregorian, eras of 400 years that begin in March)
clock_iso() {
  iso_days=$((NOW_S / 86400 + 719468)) iso_left=$((NOW_S % 86400))
  iso_era=$((iso_days / 146097)) iso_day=$((iso_days % 146097))
  iso_year=$(((iso_day - iso_day / 1460 + iso_day / 36524 - iso_day / 146096) / 365))
  iso_day=$((iso_day - (365 * iso_year + iso_year / 4 - iso_year / 100)))
  iso_month=$(((5 * iso_day + 2) / 153))
  iso_number=$((iso_month < 10 ? iso_month + 3 : iso_month - 9))
  ISO=$((iso_year + iso_era * 400 + (iso_number <= 2)))
  clock_iso_part - "$iso_number"
  clock_iso_part - $((iso_day - (153 * iso_month + 2) / 5 + 1))
  clock_iso_part T $((iso_left / 3600))
  clock_iso_part : $((iso_left % 3600 / 60))
  clock_iso_part : $((iso_left % 60))
  ISO=$ISO${NOW_MS:+.$NOW_MS}Z
}

clock_iso_part() { if [ "$2" -lt 10 ]; then ISO=$ISO${1}0$2; else ISO=$ISO$1$2; fi; }

# clock_nap SECONDS: waits; a fraction where `sleep` knows fractions, else one second. Where no process can be started
# it spins, and says so in NAP_SPUN.
clock_nap() {
  NAP_SPUN=
  if [ -n "$NAP_FD" ]; then
    read -r -t "$1" nap_line <&9
    return 0
  fi
  if [ -z "$NAP_WHOLE" ]; then command eval 'sleep "$1"' 2>/dev/null && return 0; fi
  if command eval 'sleep 1' 2>/dev/null; then
    NAP_WHOLE=1
    return 0
  fi
  NAP_SPUN=1
  clock_spin "$1"
}

# clock_spin SECONDS: waits, busy; at most half a second
clock_spin() {
  clock_uptime || return 0
  case $1 in
    0.0*) spin_ms=50 ;;
    *) spin_ms=500 ;;
  esac
  spin_s=$UP_S spin_from=$UP_MS
  while clock_uptime && [ $(((UP_S - spin_s) * 1000 + UP_MS - spin_from)) -lt $spin_ms ]; do :; done
}
