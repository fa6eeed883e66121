# shellcheck shell=sh disable=SC2034
# Who a process is: pid + start token, and which boot this is. Sourced; starts a process only where /proc is missing.
#
# Outputs  P_STATE  running | zombie | gone | unknown    (unknown is never gone)
#          P_PPID   its parent
#          P_TOKEN  start time: field 22 of /proc/<pid>/stat, or `ps` lstart with `_` for blanks
#          BOOT     <boot id>/<start token of pid 1>, `-` for a part that cannot be read

# proc_look PID
proc_look() {
  P_STATE=unknown P_TOKEN='' P_PPID=
  if [ -r /proc/self/stat ]; then proc_look_procfs "$1"; else proc_look_ps "$1"; fi
}

proc_look_procfs() {
  p_text=
  { while read -r p_line; do p_text="$p_text $p_line"; done <"/proc/$1/stat"; } 2>/dev/null
  if [ -z "$p_text" ]; then
    [ -e "/proc/$1" ] || P_STATE=gone
    return 0
  fi
  # shellcheck disable=SC2086 # the words are the fields
  proc_fields ${p_text##*")"}
}

# The fields after the name: state is the first of them, the start time the twentieth.
proc_fields() {
  [ $# -ge 20 ] || return 0
  P_TOKEN=${20} P_PPID=$2
  case $1 in Z | X) P_STATE=zombie ;; *) P_STATE=running ;; esac
}

proc_look_ps() {
  p_text=$(LC_ALL=C TZ=UTC ps -o stat= -o lstart= -o ppid= -p "$1" 2>/dev/null)
  p_code=$?
  # shellcheck disable=SC2086 # the words are the fields
  set -- $p_text
  if [ $# -eq 7 ]; then
    P_TOKEN=$2_$3_$4_$5_$6 P_PPID=$7
    case $1 in Z*) P_STATE=zombie ;; *) P_STATE=running ;; esac
  elif [ $# -eq 0 ] && [ "$p_code" -eq 1 ]; then
    P_STATE=gone
  fi
}

# id_look PID:TOKEN -> ID_STATE alive | gone | unknown, for this very process; a zombie is gone
id_look() {
  case ${1%%:*} in
    '' | *[!0-9]*)
      ID_STATE=unknown
      return 0
      ;;
  esac
  proc_look "${1%%:*}"
  case $P_STATE in
    running) if [ "$P_TOKEN" = "${1#*:}" ]; then ID_STATE=alive; else ID_STATE=gone; fi ;;
    unknown) ID_STATE=unknown ;;
    *) ID_STATE=gone ;;
  esac
}

boot_look() {
  BOOT=-
  if [ -r /proc/self/stat ]; then
    { read -r BOOT </proc/sys/kernel/random/boot_id; } 2>/dev/null
  else
    BOOT='ps'
  fi
  proc_look 1
  BOOT=${BOOT:--}/${P_TOKEN:--}
}

# nap SECONDS: a fraction where `sleep` knows fractions, else one second
nap() {
  [ -n "${NAP_WHOLE:-}" ] || sleep "$1" 2>/dev/null || NAP_WHOLE=1
  [ -z "${NAP_WHOLE:-}" ] || sleep 1
}
