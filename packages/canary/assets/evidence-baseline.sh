# shellcheck shell=sh disable=SC1091,SC2034,SC2153,SC2154
# Evidence: writes the baseline of a recorder, at arming, to compare a later death with. Sourced in a subshell.
. "$IAPEER_LIB/generation-write.sh"
. "$IAPEER_LIB/evidence-counters.sh"

# evidence_write_baseline: counters and limits at arming, to compare a later death with
evidence_write_baseline() {
  evidence_read_cgroup
  clock_read
  OUT_FAILED=
  {
    {
      out "ts_ms=$NOW"
      out "boot=$ARMED_BOOT"
      out "server=$SERVER"
      out "socket=${SOCKET:-}"
      # The rest of the state file: if that is corrupt, reconcile writes it again from these lines.
      out "mode=$MODE"
      generation_out_setup
      out "cgroup_v2=$CGROUP_V2"
      out "cgroup_v1=$CGROUP_V1"
      out "cgroup_pids=$CGROUP_PIDS"
      evidence_print_line /proc/uptime uptime
      evidence_write_oom_kills
      evidence_write_cgroup
      # A full disk may have cut a line before this one.
      [ -n "$OUT_FAILED" ] || out complete=yes
    } >"$BASELINE"
  } 2>/dev/null
}

# evidence_read_cgroup -> CGROUP_V2, CGROUP_V1 (memory), CGROUP_PIDS (v1): from /proc/<server>/cgroup of the running server
evidence_read_cgroup() {
  CGROUP_V2='' CGROUP_V1='' CGROUP_PIDS=
  {
    while IFS=: read -r evidence_read_cgroup_id evidence_read_cgroup_names evidence_read_cgroup_where; do
      case $evidence_read_cgroup_id:,$evidence_read_cgroup_names, in
        0:,,) CGROUP_V2=$evidence_read_cgroup_where ;;
        *,memory,*) CGROUP_V1=$evidence_read_cgroup_where ;;
      esac
      case ,$evidence_read_cgroup_names, in *,pids,*) CGROUP_PIDS=$evidence_read_cgroup_where ;; esac
    done <"/proc/$SERVER_PID/cgroup"
  } 2>/dev/null
}
