# shellcheck shell=sh disable=SC2034
# Process: the identity of a process (pid and start token). Sourced; starts a process only without /proc.
#
# Outputs  P_STATE  running | zombie | gone | unknown    (unknown is never gone)
#          P_PPID   its parent
#          P_SESSION  the pid of the leader of its session; empty without /proc
#          P_TOKEN  its start time: field 22 of /proc/<pid>/stat, or `ps` lstart with `_` for blanks

# process_read PID
process_read() {
  P_STATE=unknown P_TOKEN='' P_PPID='' P_SESSION=
  if [ -r /proc/self/stat ]; then process_read_proc "$1"; else process_read_ps "$1"; fi
}

process_read_proc() {
  process_read_proc_text=
  { while read -r process_read_proc_line; do process_read_proc_text="$process_read_proc_text $process_read_proc_line"; done <"/proc/$1/stat"; } 2>/dev/null
  if [ -z "$process_read_proc_text" ]; then
    [ -e "/proc/$1" ] || P_STATE=gone
    return 0
  fi
  # shellcheck disable=SC2086 # the words are the fields
  process_take_fields ${process_read_proc_text##*")"}
}

# process_take_fields FIELDS: those after the name; the first is the state, the twentieth the start time
process_take_fields() {
  [ $# -ge 20 ] || return 0
  P_TOKEN=${20} P_PPID=$2 P_SESSION=$4
  case $1 in Z | X) P_STATE=zombie ;; *) P_STATE=running ;; esac
}

process_read_ps() {
  process_read_ps_text=$(LC_ALL=C TZ=UTC ps -o stat= -o lstart= -o ppid= -p "$1" 2>/dev/null)
  process_read_ps_code=$?
  # shellcheck disable=SC2086 # the words are the fields
  set -- $process_read_ps_text
  if [ $# -eq 7 ]; then
    P_TOKEN=$2_$3_$4_$5_$6 P_PPID=$7
    case $1 in Z*) P_STATE=zombie ;; *) P_STATE=running ;; esac
  elif [ $# -eq 0 ] && [ "$process_read_ps_code" -eq 1 ]; then
    P_STATE=gone
  fi
}
