# shellcheck shell=sh disable=SC2016,SC2034
# Evidence: a baseline when a watch is armed, a snapshot when its server is dead. Sourced.
#
# Inputs   the names that generation.sh sets, WAIT_RC and CAUSE, and the commands of the platform
# Outputs  $BASELINE; $SNAPSHOT (written beside itself and renamed; its last line is `--- end`), which begins with
#          $EARLY: what can be read without a process, kept where the rest has to wait for one
# Every command runs for at most 200 ms (ps: 1 s); what cannot be had is a section `--- <name> unavailable: <why>`.

CGROUP_ROOT=${CGROUP_ROOT:-/sys/fs/cgroup}
BOUND=0.2

has() { command -v "$1" >/dev/null 2>&1; }

# text_file FILE: prints a small file, without a process; a line that looks like the head of a section is moved by a blank
text_file() {
  {
    while IFS= read -r file_line; do
      case $file_line in ---*) file_line=" $file_line" ;; esac
      out "$file_line"
    done <"$1"
  } 2>/dev/null
}

# text_line FILE LABEL: prints the whole small file on one line, if it is there
text_line() {
  [ -r "$1" ] || return 0
  line_text=
  { while read -r line_one; do line_text="$line_text $line_one"; done <"$1"; } 2>/dev/null
  out "$2:$line_text"
}

# bounded COMMAND...: its output, for at most $BOUND seconds; then it is killed, with what it started where there is `setsid`
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
      clock_nap "$BOUND"
      kill -KILL "$b_job"
    ) >/dev/null 2>&1 &
  fi
  b_dog=$!
  wait "$b_job"
  b_code=$?
  # One that has not come to lead its group yet is killed by itself.
  { kill -KILL "$b_group$b_dog" || kill -KILL "$b_dog"; } 2>/dev/null
  wait "$b_dog" 2>/dev/null
  return $b_code
}

# No line of a body may look like the head of a section.
body() { sed 's/^---/ &/'; }

unavailable() { out "--- $1 unavailable: $2"; }

# section_of_file NAME FILE: without a process
section_of_file() {
  if [ ! -r "$2" ]; then
    unavailable "$1" "$2 is not readable"
    return 0
  fi
  out "--- $1"
  text_file "$2"
}

# section_of_command NAME COMMAND...
section_of_command() {
  c_name=$1
  shift
  has "$1" || { unavailable "$c_name" "no $1"; return 0; }
  c_out=$(bounded "$@" | body)
  if [ -n "$c_out" ]; then out "--- $c_name"; out "$c_out"; else unavailable "$c_name" "$1 gave nothing in time"; fi
}

# cgroup_facts: limits and counters of the server's cgroup and its ancestors (v2, then v1)
cgroup_facts() {
  g_v2=$CGROUP_ROOT
  [ -e "$g_v2/cgroup.controllers" ] || g_v2=$CGROUP_ROOT/unified
  cgroup_chain "$g_v2" "$CGROUP_V2" \
    'memory.max memory.high memory.current memory.peak memory.swap.max memory.events memory.events.local pids.max pids.current pids.events'
  cgroup_chain "$CGROUP_ROOT/memory" "$CGROUP_V1" 'memory.limit_in_bytes memory.usage_in_bytes memory.max_usage_in_bytes memory.failcnt memory.oom_control'
  cgroup_chain "$CGROUP_ROOT/pids" "$CGROUP_PIDS" 'pids.max pids.current pids.events'
}

# cgroup_chain MOUNT PATH FILES: from PATH up to the mount, at most eight levels
cgroup_chain() {
  [ -n "$2" ] && [ -d "$1" ] || return 0
  g_path=$2 g_left=8
  while [ $g_left -gt 0 ]; do
    for g_file in $3; do
      text_line "$1${g_path%/}/$g_file" "$g_path $g_file"
    done
    case $g_path in / | '') break ;; esac
    g_path=${g_path%/*}
    g_path=${g_path:-/}
    g_left=$((g_left - 1))
  done
}

# baseline_cgroup: CGROUP_V2, CGROUP_V1 (memory) and CGROUP_PIDS (v1) from /proc/<server>/cgroup, while the server lives
baseline_cgroup() {
  CGROUP_V2='' CGROUP_V1='' CGROUP_PIDS=
  {
    while IFS=: read -r g_id g_names g_where; do
      case $g_id:,$g_names, in
        0:,,) CGROUP_V2=$g_where ;;
        *,memory,*) CGROUP_V1=$g_where ;;
      esac
      case ,$g_names, in *,pids,*) CGROUP_PIDS=$g_where ;; esac
    done <"/proc/$SERVER_PID/cgroup"
  } 2>/dev/null
}

# baseline_unit -> UNIT, UNIT_SCOPE: the systemd unit that holds the server, from its cgroup
baseline_unit() {
  UNIT='' UNIT_SCOPE=--system
  case $CGROUP_V2 in */user@*.service/*) UNIT_SCOPE=--user ;; esac
  case ${CGROUP_V2##*/} in *.service | *.scope) UNIT=${CGROUP_V2##*/} ;; esac
}

# oom_kills: how many processes the kernel has killed for memory since boot
oom_kills() {
  {
    while read -r v_key v_value; do
      case $v_key in oom_kill)
        out "oom_kill $v_value"
        break
        ;;
      esac
    done </proc/vmstat
  } 2>/dev/null
}

# baseline_write: what judging a later death needs to compare with
baseline_write() {
  baseline_cgroup
  clock_now
  {
    {
      out "ts_ms=$NOW"
      out "boot=$ARMED_BOOT"
      out "server=$SERVER"
      out "socket=${SOCKET:-}"
      out "cgroup_v2=$CGROUP_V2"
      out "cgroup_v1=$CGROUP_V1"
      out "cgroup_pids=$CGROUP_PIDS"
      text_line /proc/uptime uptime
      oom_kills
      cgroup_facts
    } >"$BASELINE"
  } 2>/dev/null
}

# baseline_read: the cgroup paths of a generation that another recorder armed
baseline_read() {
  CGROUP_V2='' CGROUP_V1='' CGROUP_PIDS=
  {
    while IFS='=' read -r g_key g_where; do
      case $g_key in
        cgroup_v2) CGROUP_V2=$g_where ;;
        cgroup_v1) CGROUP_V1=$g_where ;;
        cgroup_pids) CGROUP_PIDS=$g_where ;;
      esac
    done <"$BASELINE"
  } 2>/dev/null
}

# limits: what this recorder, of the same user, may have
limits() {
  {
    while read -r l_line; do
      case $l_line in 'Max processes '* | 'Max open files '* | 'Max address space '*) out "$l_line" ;; esac
    done </proc/self/limits
  } 2>/dev/null
}

early_linux() {
  section_of_file meminfo /proc/meminfo
  if [ -r /proc/pressure/memory ]; then
    out '--- pressure'
    for r_name in memory cpu io; do text_line "/proc/pressure/$r_name" "$r_name"; done
  else
    unavailable pressure 'this kernel keeps no pressure figures'
  fi
  section_of_file loadavg /proc/loadavg
  section_of_file swaps /proc/swaps
  out '--- cgroup'
  cgroup_facts
  text_line /proc/uptime uptime
  oom_kills
  out '--- limits'
  limits
}

evidence_head() {
  out "server-death identity=$IDENTITY gen=$GEN ts=$ISO server_pid=$SERVER_PID wait_rc=$WAIT_RC cause=$CAUSE platform=$PLATFORM format=1"
}

# evidence_early: what needs no process, into $EARLY, once. Its last section says when it was taken: one without it was cut.
evidence_early() {
  [ -z "${EARLY_DONE:-}" ] || return 0
  [ -n "${CGROUP_V2+set}" ] || baseline_read
  clock_iso
  {
    {
      evidence_head
      [ "$PLATFORM" = darwin ] || early_linux
      clock_now
      clock_iso
      out '--- taken'
      out "at=$ISO"
    } >"$EARLY"
  } 2>/dev/null && EARLY_DONE=1
}

# early_is_whole: a recorder that is gone has left it
early_is_whole() {
  e_whole=
  { while read -r e_line; do case $e_line in at=*) e_whole=1 ;; esac; done <"$EARLY"; } 2>/dev/null
  [ -n "$e_whole" ]
}

# system_ask -> c=hs (host shutdown) | c=ss (its unit is being stopped) | c=no in the claim, and a section; asks systemd only
# where it runs the host
system_ask() {
  [ -d "${SYSTEMD_DIR:-/run/systemd/system}" ] || return 0
  s_host='' s_unit='' s_said=no
  case $CAUSE in
    recorder-lost | host-reboot | crashed | server-vanished) ;;
    *)
      s_host=$(bounded systemctl is-system-running)
      baseline_unit
      if [ "$s_host" = stopping ]; then
        s_said=hs
      elif [ -n "$UNIT" ]; then
        s_unit=$(bounded systemctl "$UNIT_SCOPE" show -p ActiveState --value -- "$UNIT")
        [ "$s_unit" != deactivating ] || s_said=ss
      fi
      out '--- systemd'
      out "host=$s_host"
      [ -z "$s_unit" ] || out "unit=$UNIT state=$s_unit"
      ;;
  esac
  if [ -n "$CLAIMED" ] && [ -s "$CLAIM" ] && [ ! -h "$CLAIM" ]; then { out "c=$s_said" >>"$CLAIM"; } 2>/dev/null; fi
}

kernel_lines() { sed -n '/[Oo]ut of memory\|oom[-_]\|[Kk]ill.* process\|of limit\|segfault\|protection\|unhandled\|traps:\|fork rejected/p' | tail -n 40; }

kernel_log() {
  k_text=
  if has dmesg && k_text=$(bounded dmesg) && [ -n "$k_text" ]; then
    out '--- kernel-log'
  elif has journalctl && k_text=$(bounded journalctl -k -b -q -n 400 --no-pager -o short-monotonic) && [ -n "$k_text" ]; then
    out '--- kernel-log'
  elif k_text=$(bounded cat /dev/kmsg | sed -n 's/^[0-9]*,[0-9]*,\([0-9]*\)\([0-9]\{6\}\),[^;]*;/[\1.\2] /p') && [ -n "$k_text" ]; then
    # It never ends: what came in time is all there was.
    out '--- kernel-log'
  else
    unavailable kernel-log 'the kernel log may not be read by this user'
    return 0
  fi
  out "$k_text" | kernel_lines | body
}

cores() {
  out '--- core'
  text_line /proc/sys/kernel/core_pattern core_pattern
  if has coredumpctl; then bounded coredumpctl list --no-pager --no-legend -q "$SERVER_PID" | tail -n 5 | body; fi
}

# No arguments of any process: they hold secrets. When many servers die at once, ps takes longer than the rest.
processes() {
  BOUND=1
  r_text=$(bounded ps -A -o pid= -o ppid= -o rss= -o etime= -o comm=) || r_text=$(bounded ps -o pid,ppid,rss,etime,comm)
  BOUND=0.2
  [ -n "$r_text" ] || { unavailable ps-top-rss 'ps gave nothing in time'; return 0; }
  out '--- ps-top-rss'
  out "$r_text" | sort -k 3,3 -rn | sed 15q | body
}

# fresh_reports NAME DIRECTORY: crash reports younger than the arming, with the process each names (first line of an .ips)
fresh_reports() {
  [ -d "$2" ] || { unavailable "$1" "there is no directory $2"; return 0; }
  out "--- $1"
  find "$2" -type f \( -name '*.ips' -o -name '*.crash' \) -newer "$BASELINE" 2>/dev/null | sed 20q | while read -r f_path; do
    f_line=
    { read -r f_line <"$f_path"; } 2>/dev/null
    out "${f_path##*/} $f_line"
  done | body
}

rest_linux() {
  kernel_log
  cores
}

rest_darwin() {
  section_of_command vm_stat vm_stat
  section_of_command swapusage sysctl vm.swapusage
  section_of_command loadavg sysctl vm.loadavg
  fresh_reports diagnosticreports-user "$HOME/Library/Logs/DiagnosticReports"
  fresh_reports diagnosticreports-system "${SYSTEM_REPORTS:-/Library/Logs/DiagnosticReports}"
}

# note_fork_failed: no process could be started for the evidence; kept with what was read without one
note_fork_failed() {
  [ -z "${FORK_FAILED:-}" ] || return 0
  FORK_FAILED=1
  {
    {
      out '--- recorder'
      out 'fork_failed=1'
    } >>"$EARLY"
  } 2>/dev/null
}

# evidence_extra: what belongs to one kind of death
evidence_extra() { system_ask; }

# evidence_rest: what needs processes. What systemd says comes first: where the host goes down, there is little time.
evidence_rest() {
  evidence_extra
  case $PLATFORM in darwin) rest_darwin ;; *) rest_linux ;; esac
  processes
  section_of_file baseline "$BASELINE"
  out '--- end'
}

# evidence_file PART: the whole snapshot
evidence_file() {
  # When many die at once, everybody's line comes before anybody's snapshot.
  renice -n 10 -p $$ >/dev/null 2>&1
  { cat "$EARLY" && evidence_rest; } >"$1" && mv -f "$1" "$SNAPSHOT" && rm -f "$EARLY"
}

can_fork() { command eval '( : )' 2>/dev/null; }

# evidence_write: 0 written, 2 not (the temporary file is removed, and a later reconcile tries again), 3 no process can
# be started. It is tried for half a second: the processes of a dead server end at that moment.
evidence_write() {
  write_left=10
  while :; do
    command eval 'evidence_file "$SNAPSHOT.$$.part"' 2>/dev/null && return 0
    can_fork && break
    note_fork_failed
    write_left=$((write_left - 1))
    [ $write_left -gt 0 ] || return 3
    clock_spin 0.05
  done
  rm -f "$SNAPSHOT.$$.part"
  return 2
}
