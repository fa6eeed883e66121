# shellcheck shell=sh disable=SC2016,SC2034
# The evidence: a baseline when a watch is armed, a snapshot when its server is dead. Sourced.
#
# Inputs   the names that record.sh sets, WAIT_RC and CAUSE, and the commands of the platform
# Outputs  $BASELINE, $SNAPSHOT (written beside itself and renamed; its last line is `--- end`)
# Every command runs for at most 200 ms (ps: 1 s); what cannot be had is a section `--- <name> unavailable: <why>`.

CGROUP_ROOT=${CGROUP_ROOT:-/sys/fs/cgroup}

has() { command -v "$1" >/dev/null 2>&1; }


# bounded COMMAND...: its output, for at most $BOUND seconds; then it is ended, with what it started where there is `setsid`
BOUND=0.2
bounded() {
  if has setsid; then
    b_group=-
    setsid "$@" 2>/dev/null &
    b_job=$!
    setsid /bin/sh -c 'sleep "$1" 2>/dev/null || sleep 1; kill -KILL "-$2"' sh "$BOUND" "$b_job" >/dev/null 2>&1 &
  else
    b_group=
    "$@" 2>/dev/null &
    b_job=$!
    (
      nap "$BOUND"
      kill -KILL "$b_job"
    ) >/dev/null 2>&1 &
  fi
  b_dog=$!
  wait "$b_job"
  b_code=$?
  # One that has not come to lead its group yet is ended by itself.
  { kill -KILL "$b_group$b_dog" || kill -KILL "$b_dog"; } 2>/dev/null
  wait "$b_dog" 2>/dev/null
  return $b_code
}

# No line of a body may look like the head of a section.
body() { sed 's/^---/ &/'; }

unavailable() { printf -- '--- %s unavailable: %s\n' "$1" "$2"; }

# section NAME FILE...
section() {
  s_name=$1
  shift
  s_text=$(cat "$@" 2>/dev/null)
  if [ -n "$s_text" ]; then
    printf -- '--- %s\n%s\n' "$s_name" "$s_text"
  elif [ -r "$1" ]; then
    printf -- '--- %s\n' "$s_name"
  else
    unavailable "$s_name" "$1 is not readable"
  fi
}

# command_section NAME COMMAND...
command_section() {
  c_name=$1
  shift
  has "$1" || { unavailable "$c_name" "no $1"; return 0; }
  c_out=$(bounded "$@" | body)
  if [ -n "$c_out" ]; then printf -- '--- %s\n%s\n' "$c_name" "$c_out"; else unavailable "$c_name" "$1 gave nothing in time"; fi
}

# one_line FILE LABEL: the whole small file on one line, if it is there
one_line() {
  [ -r "$1" ] || return 0
  o_text=
  { while read -r o_line; do o_text="$o_text $o_line"; done <"$1"; } 2>/dev/null
  printf '%s:%s\n' "$2" "$o_text"
}

# cgroup_facts: limits and counters of the server's memory cgroup and its ancestors (v2, then v1)
cgroup_facts() {
  g_v2=$CGROUP_ROOT
  [ -e "$g_v2/cgroup.controllers" ] || g_v2=$CGROUP_ROOT/unified
  cgroup_chain "$g_v2" "$CGROUP_V2" 'memory.max memory.high memory.current memory.peak memory.swap.max memory.events memory.events.local'
  cgroup_chain "$CGROUP_ROOT/memory" "$CGROUP_V1" 'memory.limit_in_bytes memory.usage_in_bytes memory.max_usage_in_bytes memory.failcnt memory.oom_control'
}

# cgroup_chain MOUNT PATH FILES: from PATH up to the mount, at most eight levels
cgroup_chain() {
  [ -n "$2" ] && [ -d "$1" ] || return 0
  g_path=$2 g_left=8
  while [ $g_left -gt 0 ]; do
    for g_file in $3; do
      one_line "$1${g_path%/}/$g_file" "$g_path $g_file"
    done
    case $g_path in / | '') break ;; esac
    g_path=${g_path%/*}
    g_path=${g_path:-/}
    g_left=$((g_left - 1))
  done
}

# baseline_cgroup: CGROUP_V2 and CGROUP_V1 (memory) from /proc/<server>/cgroup, noted while the server lives
baseline_cgroup() {
  CGROUP_V2='' CGROUP_V1=
  {
    while IFS=: read -r g_id g_names g_where; do
      case $g_id:,$g_names, in
        0:,,) CGROUP_V2=$g_where ;;
        *,memory,*) CGROUP_V1=$g_where ;;
      esac
    done <"/proc/$SERVER_PID/cgroup"
  } 2>/dev/null
}

# baseline_unit -> UNIT, UNIT_SCOPE: the systemd unit that holds the server, from its cgroup
baseline_unit() {
  UNIT='' UNIT_SCOPE=--system
  case $CGROUP_V2 in */user@*.service/*) UNIT_SCOPE=--user ;; esac
  case ${CGROUP_V2##*/} in *.service | *.scope) UNIT=${CGROUP_V2##*/} ;; esac
}

# write_baseline: what judging a later death needs to compare with
write_baseline() {
  baseline_cgroup
  {
    {
      now
      printf 'ts_ms=%s\nboot=%s\nserver=%s\nsocket=%s\ncgroup_v2=%s\ncgroup_v1=%s\n' "$NOW" "$ARMED_BOOT" "$SERVER" "${SOCKET:-}" "$CGROUP_V2" "$CGROUP_V1"
      one_line /proc/uptime uptime
      [ ! -r /proc/vmstat ] || sed -n '/^oom_kill /p' /proc/vmstat
      cgroup_facts
    } >"$BASELINE"
  } 2>/dev/null
}

# The cgroup paths of a generation that another recorder armed.
read_baseline() {
  CGROUP_V2=$(sed -n 's/^cgroup_v2=//p' "$BASELINE" 2>/dev/null)
  CGROUP_V1=$(sed -n 's/^cgroup_v1=//p' "$BASELINE" 2>/dev/null)
}

kernel_lines() { sed -n '/[Oo]ut of memory\|oom[-_]\|[Kk]ill.* process\|of limit\|segfault\|protection\|unhandled\|traps:/p' | tail -n 40; }

kernel_log() {
  k_text=
  if has dmesg && k_text=$(bounded dmesg) && [ -n "$k_text" ]; then
    printf -- '--- kernel-log\n'
  elif has journalctl && k_text=$(bounded journalctl -k -b -q -n 400 --no-pager -o short-monotonic) && [ -n "$k_text" ]; then
    printf -- '--- kernel-log\n'
  elif k_text=$(bounded cat /dev/kmsg | sed -n 's/^[0-9]*,[0-9]*,\([0-9]*\)\([0-9]\{6\}\),[^;]*;/[\1.\2] /p') && [ -n "$k_text" ]; then
    # It never ends: what came in time is all there was.
    printf -- '--- kernel-log\n'
  else
    unavailable kernel-log 'the kernel log may not be read by this user'
    return 0
  fi
  printf '%s\n' "$k_text" | kernel_lines | body
}

cores() {
  printf -- '--- core\n'
  one_line /proc/sys/kernel/core_pattern core_pattern
  if has coredumpctl; then bounded coredumpctl list --no-pager --no-legend -q "$SERVER_PID" | tail -n 5 | body; fi
}

pressure() {
  [ -r /proc/pressure/memory ] || { unavailable pressure 'this kernel keeps no pressure figures'; return 0; }
  printf -- '--- pressure\n'
  for r_name in memory cpu io; do one_line "/proc/pressure/$r_name" "$r_name"; done
}

# No arguments of anybody's processes: they hold secrets. When many servers die at once, ps takes longer than the rest.
processes() {
  BOUND=1
  r_text=$(bounded ps -A -o pid= -o ppid= -o rss= -o etime= -o comm=) || r_text=$(bounded ps -o pid,ppid,rss,etime,comm)
  BOUND=0.2
  [ -n "$r_text" ] || { unavailable ps-top-rss 'ps gave nothing in time'; return 0; }
  printf -- '--- ps-top-rss\n'
  printf '%s\n' "$r_text" | sort -k 3,3 -rn | sed 15q | body
}

# fresh_reports NAME FOLDER: crash reports younger than the arming, with the process each names (first line of an .ips)
fresh_reports() {
  [ -d "$2" ] || { unavailable "$1" "no folder $2"; return 0; }
  printf -- '--- %s\n' "$1"
  find "$2" -type f \( -name '*.ips' -o -name '*.crash' \) -newer "$BASELINE" 2>/dev/null | sed 20q | while read -r f_path; do
    printf '%s ' "${f_path##*/}"
    sed -n 1p "$f_path" 2>/dev/null
  done | body
}

snapshot_linux() {
  section meminfo /proc/meminfo
  pressure
  section loadavg /proc/loadavg
  section swaps /proc/swaps
  printf -- '--- cgroup\n'
  cgroup_facts
  one_line /proc/uptime uptime
  [ ! -r /proc/vmstat ] || sed -n '/^oom_kill /p' /proc/vmstat
  kernel_log
  cores
}

snapshot_darwin() {
  command_section vm_stat vm_stat
  command_section swapusage sysctl vm.swapusage
  command_section loadavg sysctl vm.loadavg
  fresh_reports diagnosticreports-user "$HOME/Library/Logs/DiagnosticReports"
  fresh_reports diagnosticreports-system "${SYSTEM_REPORTS:-/Library/Logs/DiagnosticReports}"
}

snapshot_text() {
  iso "$NOW"
  printf 'server-death identity=%s gen=%s ts=%s server_pid=%s wait_rc=%s cause=%s platform=%s format=1\n' \
    "$IDENTITY" "$GEN" "$ISO" "$SERVER_PID" "$WAIT_RC" "$CAUSE" "$PLATFORM"
  case $PLATFORM in darwin) snapshot_darwin ;; *) snapshot_linux ;; esac
  processes
  section baseline "$BASELINE"
  printf -- '--- end\n'
}

# write_snapshot: 0 written, 1 not (the temporary file is removed, and a later reconcile tries again)
write_snapshot() {
  # When many die at once, everybody's line comes before anybody's snapshot.
  renice -n 10 -p $$ >/dev/null 2>&1
  [ -n "${CGROUP_V2+set}" ] || read_baseline
  w_part=$SNAPSHOT.$$.part
  if { snapshot_text >"$w_part" && mv -f "$w_part" "$SNAPSHOT"; } 2>/dev/null; then return 0; fi
  rm -f "$w_part"
  return 1
}
