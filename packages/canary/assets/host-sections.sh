# shellcheck shell=sh disable=SC2016,SC2034,SC2153,SC2154
# Host sections: written once for the deaths of one second, and read by the other recorders. Sourced.
#
# The file: `host-evidence boot= second= by=<pid>:<token> platform= format=1`, the sections, `--- taken` with `oom_kill <count>` (Linux),
# `at=` (ISO) and `ms=` (epoch milliseconds), the time when the first of them was read, and `--- end`. It is valid for a death of that boot
# and second that was noticed before that time: it does not show later events.

# host_look -> HOST_MANY: other recorders have created files since this one created HOST_FILE, so it writes for many
host_look() {
  HOST_MANY=
  # A shell without -nt, or with whole seconds, does not see it: then some of the others may read the sections once more.
  # shellcheck disable=SC3013
  if [ "$HOST_ROLE" = ours ] && [ "$DEATHS" -nt "$HOST_FILE" ] 2>/dev/null; then HOST_MANY=1; fi
}

# host_await: 0 the sections for this death, read at HOST_AT, are in HOST_TEXT, or in the file HOST_COPY; 1 this recorder reads its own,
# and writes them for the others if HOST_ROLE is ours
host_await() {
  [ -z "$HOST_TEXT" ] || return 0
  while [ "$HOST_ROLE" = shared ] && [ "$HOST_N" -le 5 ]; do
    if ! host_await_file; then
      HOST_ROLE=
      break
    fi
    host_is_fresh && return 0
    # The sections were read before this death was noticed.
    HOST_N=$((HOST_N + 1))
    host_take_file
  done
  HOST_TEXT='' HOST_COPY=
  return 1
}

# host_await_file: 0 the file is complete. Waits 200 ms, and up to a second while its writer is running.
host_await_file() {
  host_await_file_naps=0
  for host_await_file_nap in 0 0.05 0.05 0.1 0.2 0.2 0.4; do
    if [ "$host_await_file_nap" != 0 ]; then
      clock_nap "$host_await_file_nap"
      [ -z "$NAP_SPUN" ] || return 1
    fi
    host_read && return 0
    host_await_file_naps=$((host_await_file_naps + 1))
    [ $host_await_file_naps -ge 4 ] || continue
    process_check "$HOST_WRITER"
    [ "$ID_STATE" = alive ] || return 1
  done
  return 1
}

# host_read -> HOST_AT HOST_MS HOST_WRITER HOST_KILLS (a line, empty if missing), and HOST_COPY or HOST_TEXT: 0 the file is complete
# and of this boot, second and platform
host_read() {
  HOST_TEXT='' HOST_COPY='' HOST_AT='' HOST_MS='' HOST_KILLS=
  host_read_head || return 1
  # dash and ash read a file with one system call a character: for a few kilobytes, sed is several times faster. The other shells try for
  # a long time to start a process where none can be started.
  case $PLATFORM:${EARLY_DONE:-}$HOST_UNCOPIED${BASH_VERSION:-}${KSH_VERSION:-}${ZSH_VERSION:-} in linux:)
    command eval host_copy 2>/dev/null && return 0
    ;;
  esac
  # A shell that gets no memory for the text would exit.
  command eval host_read_lines 2>/dev/null
}

# host_read_head -> HOST_WRITER: 0 the file is of this boot, second and platform, and more than its head is written
host_read_head() {
  HOST_WRITER='' host_read_head_line='' host_read_head_next=
  [ -f "$HOST_FILE" ] || return 1
  [ ! -h "$HOST_FILE" ] || return 1
  { IFS= read -r host_read_head_line && IFS= read -r host_read_head_next; } 2>/dev/null <"$HOST_FILE"
  case $host_read_head_line in
    "host-evidence boot=$ARMED_BOOT second=$NOW_S by="*" platform=$PLATFORM format=1") ;;
    *) return 1 ;;
  esac
  HOST_WRITER=${host_read_head_line#*" by="}
  HOST_WRITER=${HOST_WRITER%% *}
  [ -n "$host_read_head_next" ]
}

# Of sed, for HOST_FILE and BASELINE: prints the sections, and the section `baseline`. It writes to descriptor 3 the facts of the first
# file, the lines of the baseline that name cgroups, and its last line. Each pattern costs a tenth of a millisecond.
HOST_PROGRAM='1d
/^--- taken$/,/^--- end$/{
w /dev/fd/3
/^--- end$/!d
c\
--- baseline
}
/^cgroup_/w /dev/fd/3
$w /dev/fd/3
p'

# host_copy -> HOST_COPY, HOST_AT HOST_MS HOST_KILLS, CGROUP_V2 CGROUP_V1 CGROUP_PIDS: writes the first part of the snapshot to its
# temporary file: its head, the sections and the baseline; 0 complete
host_copy() {
  clock_format
  OUT_FAILED=
  {
    evidence_write_head
    # Not in a function, for which the shell would start one more process.
    host_copy_facts=$(LC_ALL=C sed -n "$HOST_PROGRAM" "$HOST_FILE" "$BASELINE" 3>&1 >&4 4>&-) || host_copy_facts=
  } >"$SNAPSHOT.$$.part" 4>&1
  host_copy_whole='' host_copy_baseline=
  # In any order: BusyBox opens the descriptor once for each `w`.
  while [ -n "$host_copy_facts" ]; do
    host_copy_line=${host_copy_facts%%"$HOST_NEWLINE"*}
    host_copy_facts=${host_copy_facts#"$host_copy_line"}
    host_copy_facts=${host_copy_facts#"$HOST_NEWLINE"}
    case $host_copy_line in
      at=*) HOST_AT=${host_copy_line#at=} ;;
      ms=*) HOST_MS=${host_copy_line#ms=} ;;
      'oom_kill '*) HOST_KILLS=$host_copy_line ;;
      '--- end') host_copy_whole=1 ;;
      cgroup_v2=*) CGROUP_V2=${host_copy_line#*=} ;;
      cgroup_v1=*) CGROUP_V1=${host_copy_line#*=} ;;
      cgroup_pids=*) CGROUP_PIDS=${host_copy_line#*=} ;;
      'complete=yes') host_copy_baseline=1 ;;
    esac
  done
  if [ "$OUT_FAILED:$host_copy_whole$host_copy_baseline" != :11 ]; then
    # Of a baseline that may be cut.
    unset CGROUP_V2 CGROUP_V1 CGROUP_PIDS
    return 1
  fi
  HOST_COPY=$SNAPSHOT.$$.part
}

# host_read_lines -> HOST_TEXT HOST_AT HOST_MS HOST_KILLS: from the file, without a process; 0 complete
host_read_lines() {
  host_read_lines_part=head host_read_lines_line=
  {
    while IFS= read -r host_read_lines_line; do
      case $host_read_lines_part:$host_read_lines_line in
        head:*) host_read_lines_part=sections ;;
        'sections:--- taken') host_read_lines_part=taken ;;
        sections:*) HOST_TEXT=$HOST_TEXT${HOST_TEXT:+$HOST_NEWLINE}$host_read_lines_line ;;
        taken:at=*) HOST_AT=${host_read_lines_line#at=} ;;
        taken:ms=*) HOST_MS=${host_read_lines_line#ms=} ;;
        'taken:oom_kill '*) HOST_KILLS=$host_read_lines_line ;;
        'taken:--- end') host_read_lines_part=whole ;;
      esac
    done <"$HOST_FILE"
  } 2>/dev/null
  [ $host_read_lines_part = whole ] && [ -n "$HOST_TEXT" ]
}

HOST_NEWLINE='
'

# host_is_fresh: HOST_MS is 0 to 5 seconds after NOW. Compares seconds and milliseconds separately, for 32-bit arithmetic.
host_is_fresh() {
  case $HOST_MS in '' | *[!0-9]*) return 1 ;; esac
  [ ${#HOST_MS} -eq ${#NOW} ] || return 1
  host_is_fresh_s=$HOST_MS host_is_fresh_ms=000
  if [ ${#HOST_MS} -gt 11 ]; then
    host_is_fresh_s=${HOST_MS%???}
    host_is_fresh_ms=${HOST_MS#"$host_is_fresh_s"}
  fi
  host_is_fresh_age=$((host_is_fresh_s - NOW_S))
  [ $host_is_fresh_age -le 5 ] || return 1
  [ $host_is_fresh_age -ge 0 ] || return 1
  [ $((host_is_fresh_age * 1000 + 1$host_is_fresh_ms - 1${NOW_MS:-000})) -ge 0 ]
}

# host_take_sections -> HOST_REST HOST_PROCESSES: the sections that need processes; if HOST_ROLE is ours, writes all sections to
# the file
host_take_sections() {
  # Those whose servers die in these moments can use the sections only if they are read after that.
  [ -z "$HOST_MANY" ] || clock_nap 0.03
  clock_check
  clock_format_present
  HOST_REST=$(evidence_write_host_rest)
  HOST_PROCESSES=$(evidence_write_processes)
  # Without memory, some programs start and others do not. The others have their own, and read the sections themselves.
  host_take_sections_whole=$HOST_REST
  case $PLATFORM:$HOST_REST in linux:) HOST_REST='--- kernel-log unavailable: no program could read it' ;; esac
  [ "$HOST_ROLE" = ours ] || return 0
  HOST_ROLE='' host_take_sections_failed=$OUT_FAILED OUT_FAILED=
  {
    {
      evidence_write_host_early
      out "$HOST_REST"
      out "$HOST_PROCESSES"
      out '--- taken'
      [ "$PLATFORM" = darwin ] || evidence_write_oom_kills
      out "at=$ISO"
      out "ms=$PRESENT_MS"
      [ -n "$OUT_FAILED" ] || [ -z "$host_take_sections_whole" ] || out '--- end'
    } >>"$HOST_FILE"
  } 2>/dev/null
  OUT_FAILED=$host_take_sections_failed
  return 0
}

# host_print_copy: prints the sections of the file, and a section that names it
host_print_copy() {
  out "$HOST_TEXT"
  host_print_source
}

host_print_source() {
  out '--- shared'
  out "file=${HOST_FILE##*/}"
  out "at=$HOST_AT"
}
