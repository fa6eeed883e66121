# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Evidence of Linux: /proc, cgroups, systemd and the kernel log. Sourced by evidence.sh.

# evidence_write_cgroup_of_leader: the same of the leader's cgroup, if it was noted and is another one
evidence_write_cgroup_of_leader() {
  evidence_write_cgroup_of_leader_v2='' evidence_write_cgroup_of_leader_v1=
  {
    while IFS='=' read -r evidence_write_cgroup_of_leader_key evidence_write_cgroup_of_leader_path; do
      case $evidence_write_cgroup_of_leader_key in
        leader_cgroup_v2) evidence_write_cgroup_of_leader_v2=$evidence_write_cgroup_of_leader_path ;;
        leader_cgroup_v1) evidence_write_cgroup_of_leader_v1=$evidence_write_cgroup_of_leader_path ;;
      esac
    done <"$STATE.leader-cgroup"
  } 2>/dev/null
  evidence_write_cgroup_of_leader_mount=$CGROUP_ROOT
  [ -e "$CGROUP_ROOT/cgroup.controllers" ] || evidence_write_cgroup_of_leader_mount=$CGROUP_ROOT/unified
  [ "$evidence_write_cgroup_of_leader_v2" = "$CGROUP_V2" ] ||
    evidence_write_cgroup_chain "$evidence_write_cgroup_of_leader_mount" "$evidence_write_cgroup_of_leader_v2" \
      'memory.max memory.high memory.current memory.peak memory.events memory.events.local pids.max pids.current pids.events'
  [ "$evidence_write_cgroup_of_leader_v1" = "$CGROUP_V1" ] ||
    evidence_write_cgroup_chain "$CGROUP_ROOT/memory" "$evidence_write_cgroup_of_leader_v1" \
      'memory.limit_in_bytes memory.max_usage_in_bytes memory.failcnt memory.memsw.limit_in_bytes memory.memsw.failcnt memory.oom_control'
}

# evidence_find_unit -> UNIT, UNIT_SCOPE: the systemd unit of the server, from its cgroup, which can be one inside that of the unit
evidence_find_unit() {
  UNIT='' UNIT_SCOPE=--system
  case $CGROUP_V2 in */user@*.service/*) UNIT_SCOPE=--user ;; esac
  evidence_find_unit_path=${CGROUP_V2%/server}
  case ${evidence_find_unit_path##*/} in *.service | *.scope) UNIT=${evidence_find_unit_path##*/} ;; esac
}

# evidence_write_limits: the resource limits of this recorder, which runs as the server's user
evidence_write_limits() {
  {
    while read -r evidence_write_limits_line; do
      case $evidence_write_limits_line in
        'Max processes '* | 'Max open files '*) out "$evidence_write_limits_line" ;;
        # The last of the three.
        'Max address space '*)
          out "$evidence_write_limits_line"
          break
          ;;
      esac
    done </proc/self/limits
  } 2>/dev/null
}

# evidence_write_host_early_linux: memory, pressure, load and swap of this host
evidence_write_host_early_linux() {
  evidence_write_file meminfo /proc/meminfo
  if [ -r /proc/pressure/memory ]; then
    out '--- pressure'
    for evidence_write_host_early_linux_name in memory cpu io; do
      evidence_print_line "/proc/pressure/$evidence_write_host_early_linux_name" "$evidence_write_host_early_linux_name"
    done
  else
    evidence_write_missing pressure 'this kernel keeps no pressure figures'
  fi
  evidence_write_file loadavg /proc/loadavg
  evidence_write_file swaps /proc/swaps
}

# evidence_write_early_linux: cgroup and limits of this server and this recorder
evidence_write_early_linux() {
  out '--- cgroup'
  evidence_write_cgroup
  [ ! -r "$STATE.leader-cgroup" ] || evidence_write_cgroup_of_leader
  evidence_print_line /proc/uptime uptime
  # Those of the shared file were counted after this death was noticed, as these would be.
  if [ -n "$HOST_TEXT$HOST_COPY" ] && [ -n "$HOST_KILLS" ]; then out "$HOST_KILLS"; else evidence_write_oom_kills; fi
  out '--- limits'
  evidence_write_limits
}

# evidence_write_system: asks systemd, if it runs the host. Appends c=hs (host shutdown), c=ss (the server's unit is being
# stopped) or c=no to the claim, and writes a section.
evidence_write_system() {
  [ -d "${SYSTEMD_DIR:-/run/systemd/system}" ] || return 0
  evidence_write_system_host='' evidence_write_system_unit='' evidence_write_system_said=no
  case $CAUSE in
    recorder-lost | host-reboot | crashed | server-vanished) ;;
    *)
      evidence_write_system_host=$(evidence_run 0.2 systemctl is-system-running)
      evidence_find_unit
      if [ "$evidence_write_system_host" = stopping ]; then
        evidence_write_system_said=hs
      elif [ -n "$UNIT" ]; then
        evidence_write_system_unit=$(evidence_run 0.2 systemctl "$UNIT_SCOPE" show -p ActiveState --value -- "$UNIT")
        if [ "$evidence_write_system_unit" = deactivating ]; then
          evidence_write_system_said=ss
          # A host that shuts down is busy. Its manager stops this unit, too, and leaves the recorder the time of a stop.
          [ -n "$evidence_write_system_host" ] || evidence_write_system_host=$(evidence_run 3 systemctl is-system-running)
          [ "$evidence_write_system_host" != stopping ] || evidence_write_system_said=hs
        fi
      fi
      out '--- systemd'
      out "host=$evidence_write_system_host"
      [ -z "$evidence_write_system_unit" ] || out "unit=$UNIT state=$evidence_write_system_unit"
      ;;
  esac
  if [ -n "$CLAIMED" ] && [ -s "$CLAIM" ] && [ ! -h "$CLAIM" ]; then { out "c=$evidence_write_system_said" >>"$CLAIM"; } 2>/dev/null; fi
}

evidence_filter_kernel() { sed -n '/[Oo]ut of memory\|oom[-_]\|[Kk]ill.* process\|of limit\|segfault\|protection\|unhandled\|traps:\|fork rejected\|fatal signal\|type=1701\|Capturing crash\|__vm_enough_memory\|CPU: [0-9]* .*PID: /p' | tail -n 40; }

evidence_write_kernel() {
  evidence_write_kernel_text=
  if evidence_has_tool dmesg && evidence_write_kernel_text=$(evidence_run 0.2 dmesg) && [ -n "$evidence_write_kernel_text" ]; then
    out '--- kernel-log'
  elif evidence_has_tool journalctl && evidence_write_kernel_text=$(evidence_run 0.2 journalctl -k -b -q -n 400 --no-pager -o short-monotonic) && [ -n "$evidence_write_kernel_text" ]; then
    out '--- kernel-log'
  elif evidence_write_kernel_text=$(evidence_run 0.2 cat /dev/kmsg | sed -n 's/^[0-9]*,[0-9]*,\([0-9]*\)\([0-9]\{6\}\),[^;]*;/[\1.\2] /p') && [ -n "$evidence_write_kernel_text" ]; then
    # Reading /dev/kmsg never ends; what arrived before the time limit is the whole log.
    out '--- kernel-log'
  else
    evidence_write_missing kernel-log 'the kernel log may not be read by this user'
    return 0
  fi
  out "$evidence_write_kernel_text" | evidence_filter_kernel | evidence_escape
}

evidence_write_cores() {
  out '--- core'
  evidence_print_line /proc/sys/kernel/core_pattern core_pattern
  if evidence_has_tool coredumpctl; then evidence_run 0.2 coredumpctl list --no-pager --no-legend -q "$SERVER_PID" | tail -n 5 | evidence_escape || OUT_FAILED=1; fi
}
