# shellcheck shell=sh disable=SC1091,SC2016,SC2034,SC2153,SC2154
# Evidence: writes a snapshot at the death of a server or a leader. Sourced.
#
# Inputs   the variables of generation.sh, WAIT_RC and CAUSE, and the commands of the platform
# Outputs  $SNAPSHOT (written to a temporary file and renamed; its last line is `--- end`), which begins with
#          $EARLY: the sections that need no process, kept until a process can be started for the rest. A snapshot that begins with
#          a copy (host_copy) has no such file; a lost recorder leaves its temporary file (completion_take_part)
# A command runs for at most 200 ms (ps: 1 s). A section without content is `--- <name> unavailable: <why>`.

. "$IAPEER_LIB/evidence-counters.sh"
. "$IAPEER_LIB/evidence-linux.sh"
. "$IAPEER_LIB/evidence-darwin.sh"

evidence_has_tool() { command -v "$1" >/dev/null 2>&1; }

# evidence_print_file FILE: prints a small file without a process; puts a blank before a line that looks like the head of a
# section. A last line without its end, which a full disk has cut, is not printed.
evidence_print_file() {
  {
    while IFS= read -r evidence_print_file_line; do
      case $evidence_print_file_line in ---*) evidence_print_file_line=" $evidence_print_file_line" ;; esac
      out "$evidence_print_file_line"
    done <"$1"
  } 2>/dev/null
}

# evidence_run SECONDS COMMAND...: runs a command and kills it at the time limit; where `setsid` exists, with its children
evidence_run() {
  evidence_run_limit=$1
  shift
  evidence_run_group=
  if evidence_has_tool setsid; then
    evidence_run_group=-
    setsid "$@" 2>/dev/null &
  else
    "$@" 2>/dev/null &
  fi
  evidence_run_job=$!
  (
    clock_nap "$evidence_run_limit"
    # Until it leads its group, it is killed alone.
    kill -KILL "$evidence_run_group$evidence_run_job" || kill -KILL "$evidence_run_job"
  ) >/dev/null 2>&1 &
  evidence_run_dog=$!
  wait "$evidence_run_job"
  evidence_run_code=$?
  # Its `sleep` ends by itself, at the time limit.
  kill -KILL "$evidence_run_dog" 2>/dev/null
  wait "$evidence_run_dog" 2>/dev/null
  return $evidence_run_code
}

# evidence_run_client SECONDS ARGS: runs a tmux client of SERVER on SOCKET: the tmux on disk, else the server's own program if that
# is another file, because after an upgrade the server may refuse the tmux on disk. Compares the start token before and after
# opening the program, so that the program of a reused pid never runs.
evidence_run_client() {
  evidence_run_client_limit=$1
  shift
  evidence_run "$evidence_run_client_limit" "$TMUX_BIN" -S "$SOCKET" "$@" && return 0
  evidence_run_client_code=$?
  [ "$evidence_run_client_code" -lt 128 ] && process_check "$SERVER" && [ "$ID_STATE" = alive ] || return "$evidence_run_client_code"
  # A shell without -ef tries it anyway.
  # shellcheck disable=SC3013
  ! [ "$TMUX_BIN" -ef "/proc/$SERVER_PID/exe" ] 2>/dev/null || return "$evidence_run_client_code"
  { command exec 5<"/proc/$SERVER_PID/exe"; } 2>/dev/null || return "$evidence_run_client_code"
  process_check "$SERVER"
  [ "$ID_STATE" = alive ] || return "$evidence_run_client_code"
  evidence_run "$evidence_run_client_limit" /proc/self/fd/5 -S "$SOCKET" "$@"
}

# evidence_escape: puts a blank before lines that look like the head of a section
evidence_escape() { sed 's/^---/ &/'; }

evidence_write_missing() { out "--- $1 unavailable: $2"; }

# evidence_write_file NAME FILE: without a process
evidence_write_file() {
  if [ ! -r "$2" ]; then
    evidence_write_missing "$1" "$2 is not readable"
    return 0
  fi
  out "--- $1"
  evidence_print_file "$2"
}

# evidence_write_command NAME COMMAND...
evidence_write_command() {
  evidence_write_command_name=$1
  shift
  evidence_has_tool "$1" || { evidence_write_missing "$evidence_write_command_name" "no $1"; return 0; }
  evidence_write_command_out=$(evidence_run 0.2 "$@" | evidence_escape)
  if [ -n "$evidence_write_command_out" ]; then
    out "--- $evidence_write_command_name"
    out "$evidence_write_command_out"
  else
    evidence_write_missing "$evidence_write_command_name" "$1 gave nothing in time"
  fi
}

# evidence_read_baseline -> CGROUP_V2 CGROUP_V1 CGROUP_PIDS: of a generation that another process armed
evidence_read_baseline() {
  CGROUP_V2='' CGROUP_V1='' CGROUP_PIDS=
  {
    while IFS='=' read -r evidence_read_baseline_key evidence_read_baseline_where; do
      case $evidence_read_baseline_key in
        cgroup_v2) CGROUP_V2=$evidence_read_baseline_where ;;
        cgroup_v1) CGROUP_V1=$evidence_read_baseline_where ;;
        cgroup_pids)
          CGROUP_PIDS=$evidence_read_baseline_where
          break
          ;;
      esac
    done <"$BASELINE"
  } 2>/dev/null
}

evidence_write_head() {
  if [ "$EVENT" = session ]; then
    evidence_write_head_facts="leader_pid=$LEADER dead_status=$DEAD_STATUS dead_signal=$DEAD_SIGNAL"
  else
    evidence_write_head_facts="wait_rc=$WAIT_RC cause=$CAUSE"
  fi
  out "$EVENT-death identity=$IDENTITY gen=$GEN ts=$ISO server_pid=$SERVER_PID $evidence_write_head_facts platform=$PLATFORM format=1"
}

# evidence_write_early: writes the sections that need no process to $EARLY, once. The last section holds the time; without it
# the file is incomplete. 0 written
evidence_write_early() {
  [ -z "${EARLY_DONE:-}" ] || return 0
  OUT_FAILED=
  [ -n "${CGROUP_V2+set}" ] || evidence_read_baseline
  clock_format
  {
    {
      evidence_write_head
      if [ -n "$HOST_TEXT" ]; then host_print_copy; else evidence_write_host_early; fi
      evidence_write_own
    } >"$EARLY"
  } 2>/dev/null || return 1
  EARLY_DONE=1 HOST_COPIED=${HOST_TEXT:+1}
}

# evidence_write_own: the sections of this server, and the time. It is not written if anything before it is missing.
evidence_write_own() {
  [ "$PLATFORM" = darwin ] || evidence_write_early_linux
  clock_format_present
  out '--- taken'
  [ -z "$OUT_FAILED" ] && out "at=$ISO"
}

# evidence_has_early -> HOST_COPIED: 0 if $EARLY of an earlier recorder is complete
evidence_has_early() {
  HOST_COPIED='' evidence_has_early_whole='' evidence_has_early_taken='' evidence_has_early_shared=
  {
    while read -r evidence_has_early_line; do
      case $evidence_has_early_line in
        '--- shared') evidence_has_early_shared=1 ;;
        '--- taken') evidence_has_early_taken=1 ;;
        at=*) evidence_has_early_whole=$evidence_has_early_taken ;;
      esac
    done <"$EARLY"
  } 2>/dev/null
  [ -n "$evidence_has_early_whole" ] || return 1
  HOST_COPIED=$evidence_has_early_shared
}

# evidence_write_processes: without arguments, which can hold secrets. When many servers die at once, ps is slow.
evidence_write_processes() {
  evidence_write_processes_text=$(evidence_run 1 ps -A -o pid= -o ppid= -o rss= -o etime= -o comm=) ||
    evidence_write_processes_text=$(evidence_run 1 ps -o pid,ppid,rss,etime,comm)
  [ -n "$evidence_write_processes_text" ] || { evidence_write_missing ps-top-rss 'ps gave nothing in time'; return 0; }
  out '--- ps-top-rss'
  out "$evidence_write_processes_text" | sort -k 3,3 -rn | sed 15q | evidence_escape
}

# evidence_note_fork_failed: notes in $EARLY, once, that no process could be started
evidence_note_fork_failed() {
  [ -z "${FORK_FAILED:-}" ] || return 0
  FORK_FAILED=1
  {
    {
      out '--- recorder'
      out 'fork_failed=1'
    } >>"$EARLY"
  } 2>/dev/null
}

# evidence_write_pane: the last screen of a leader, from PANE of the server on SOCKET; an empty PANE cannot be read. -J joins the
# lines that tmux has wrapped, so enough rows for a narrow client are captured.
evidence_write_pane() {
  [ "$CAUSE" != leader-removed ] || return 0
  if [ -z "$PANE" ] || ! evidence_write_pane_text=$(evidence_run_client 0.2 -u capture-pane -p -J -t "$PANE" -S -1000); then
    evidence_write_missing pane-tail 'the pane could not be read'
  else
    out '--- pane-tail'
    out "$evidence_write_pane_text" | sed '/^[[:space:]]*$/d;s/[[:space:]]*$//' | tail -n 50 | tail -c 32768 | evidence_escape || OUT_FAILED=1
  fi
}

# evidence_write_host_early: the host sections (the same for every death of one moment) that need no process
evidence_write_host_early() { [ "$PLATFORM" = darwin ] || evidence_write_host_early_linux; }

# evidence_write_host_rest: the host sections that need processes, except the table of processes
evidence_write_host_rest() { case $PLATFORM in darwin) evidence_write_host_rest_darwin ;; *) evidence_write_kernel ;; esac; }

# evidence_write_rest: the sections that need processes. systemd is asked first: during a shutdown there is little time.
evidence_write_rest() {
  if [ "$EVENT" = session ]; then evidence_write_pane; else evidence_write_system; fi
  if [ -z "$HOST_COPIED" ]; then
    host_take_sections
    out "$HOST_REST"
  fi
  case $PLATFORM in darwin) evidence_write_rest_darwin ;; *) evidence_write_cores ;; esac
  [ -n "$HOST_COPIED" ] || out "$HOST_PROCESSES"
  if [ -z "$HOST_COPY" ]; then
    evidence_write_file baseline "$BASELINE"
    evidence_print_leader
  fi
  [ -z "$OUT_FAILED" ] && out '--- end'
}

# evidence_print_leader: what was noted of the cgroup of the leader; a part of the section `baseline`
evidence_print_leader() { [ ! -r "$STATE.leader-cgroup" ] || evidence_print_file "$STATE.leader-cgroup"; }

# evidence_write_whole PART: the whole snapshot
evidence_write_whole() {
  # When many servers die at once, lines have priority over snapshots; but other recorders wait for a shared file.
  case $HOST_ROLE$HOST_COPIED in '') renice -n 10 -p $$ >/dev/null 2>&1 ;; esac
  OUT_FAILED=
  { LC_ALL=C cat "$EARLY" && evidence_write_rest; } >"$1" && LC_ALL=C mv -f "$1" "$SNAPSHOT"
}

# evidence_complete_copy: completes what host_copy has begun. 0 the snapshot is written
evidence_complete_copy() {
  HOST_COPIED=1
  { evidence_print_leader && host_print_source && evidence_write_own && evidence_write_rest; } >>"$HOST_COPY" && LC_ALL=C mv -f "$HOST_COPY" "$SNAPSHOT"
}

evidence_can_fork() { command eval '( : )' 2>/dev/null; }

# evidence_write_snapshot: 0 written; UNWRITABLE (the temporary file is removed, and a later reconcile tries again); NO_PROCESS
# after half a second of tries: the processes of a dead server exit in that time and free their slots.
evidence_write_snapshot() {
  evidence_write_snapshot_left=10
  while :; do
    command eval 'evidence_write_whole "$SNAPSHOT.$$.part"' 2>/dev/null && return 0
    evidence_can_fork && break
    evidence_note_fork_failed
    evidence_write_snapshot_left=$((evidence_write_snapshot_left - 1))
    [ $evidence_write_snapshot_left -gt 0 ] || return "$NO_PROCESS"
    clock_spin 0.05
  done
  rm -f "$SNAPSHOT.$$.part"
  return "$UNWRITABLE"
}
