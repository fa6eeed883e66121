# shellcheck shell=sh disable=SC2034,SC3045
# Clock: waits, without a process if the shell can. Sourced.

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
