# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Evidence: the counters that a baseline and a snapshot have both: cgroups and OOM kills. Sourced; starts no process.

CGROUP_ROOT=${CGROUP_ROOT:-/sys/fs/cgroup}

# evidence_print_line FILE LABEL: prints a small file on one line, if it is readable
evidence_print_line() {
  [ -r "$1" ] || return 0
  evidence_print_line_text=
  { while read -r evidence_print_line_one; do evidence_print_line_text="$evidence_print_line_text $evidence_print_line_one"; done <"$1"; } 2>/dev/null
  out "$2:$evidence_print_line_text"
}

# evidence_write_cgroup: limits and counters of the server's cgroup and its ancestors (v2, then v1)
evidence_write_cgroup() {
  evidence_write_cgroup_v2=$CGROUP_ROOT
  [ -e "$evidence_write_cgroup_v2/cgroup.controllers" ] || evidence_write_cgroup_v2=$CGROUP_ROOT/unified
  evidence_write_cgroup_chain "$evidence_write_cgroup_v2" "$CGROUP_V2" \
    'memory.max memory.high memory.current memory.peak memory.swap.max memory.events memory.events.local pids.max pids.current pids.events'
  evidence_write_cgroup_chain "$CGROUP_ROOT/memory" "$CGROUP_V1" \
    'memory.limit_in_bytes memory.usage_in_bytes memory.max_usage_in_bytes memory.failcnt memory.memsw.limit_in_bytes memory.memsw.failcnt memory.oom_control'
  evidence_write_cgroup_chain "$CGROUP_ROOT/pids" "$CGROUP_PIDS" 'pids.max pids.current pids.events'
}

# evidence_write_cgroup_chain MOUNT PATH FILES: from PATH up to the mount, at most eight levels
evidence_write_cgroup_chain() {
  [ -n "$2" ] && [ -d "$1" ] || return 0
  evidence_write_cgroup_chain_path=$2 evidence_write_cgroup_chain_left=8
  while [ $evidence_write_cgroup_chain_left -gt 0 ]; do
    for evidence_write_cgroup_chain_file in $3; do
      evidence_print_line "$1${evidence_write_cgroup_chain_path%/}/$evidence_write_cgroup_chain_file" "$evidence_write_cgroup_chain_path $evidence_write_cgroup_chain_file"
    done
    case $evidence_write_cgroup_chain_path in / | '') break ;; esac
    evidence_write_cgroup_chain_path=${evidence_write_cgroup_chain_path%/*}
    evidence_write_cgroup_chain_path=${evidence_write_cgroup_chain_path:-/}
    evidence_write_cgroup_chain_left=$((evidence_write_cgroup_chain_left - 1))
  done
}

# evidence_write_oom_kills: the kernel's count of OOM kills since boot
evidence_write_oom_kills() {
  {
    while read -r evidence_write_oom_kills_key evidence_write_oom_kills_value; do
      case $evidence_write_oom_kills_key in oom_kill)
        out "oom_kill $evidence_write_oom_kills_value"
        break
        ;;
      esac
    done </proc/vmstat
  } 2>/dev/null
}
