# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Host sections: written once for the deaths of one second, and read by the other recorders. Sourced.
#
# The file: `host-evidence boot= second= by=<pid>:<token> platform= format=1`, the sections, `--- taken` with `at=` (ISO) and `ms=`
# (epoch milliseconds), the time when the first of them was read, and `--- end`. It is valid for a death of that boot and second
# that was noticed before that time: it does not show later events.

# host_await: 0 HOST_TEXT and HOST_AT are the sections for this death; 1 this recorder reads its own, and writes them for the
# others if HOST_ROLE is ours
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
  HOST_TEXT=
  return 1
}

# host_await_file: 0 the file is complete. Waits 200 ms, and up to a second while its writer is running.
host_await_file() {
  host_await_file_naps=0
  for host_await_file_nap in 0 0.1 0.1 0.2 0.2 0.4; do
    if [ "$host_await_file_nap" != 0 ]; then
      clock_nap "$host_await_file_nap"
      [ -z "$NAP_SPUN" ] || return 1
    fi
    host_read && return 0
    host_await_file_naps=$((host_await_file_naps + 1))
    [ $host_await_file_naps -ge 3 ] || continue
    process_check "$HOST_WRITER"
    [ "$ID_STATE" = alive ] || return 1
  done
  return 1
}

# host_read -> HOST_TEXT HOST_AT HOST_MS HOST_WRITER: 0 the file is complete and of this boot, second and platform
host_read() {
  HOST_TEXT='' HOST_AT='' HOST_MS='' HOST_WRITER=''
  [ -f "$HOST_FILE" ] || return 1
  [ ! -h "$HOST_FILE" ] || return 1
  host_read_part=head host_read_line='' host_read_head="host-evidence boot=$ARMED_BOOT second=$NOW_S"
  {
    while IFS= read -r host_read_line; do
      case $host_read_part:$host_read_line in
        "head:$host_read_head by="*" platform=$PLATFORM format=1")
          HOST_WRITER=${host_read_line#*" by="}
          HOST_WRITER=${HOST_WRITER%% *}
          host_read_part=sections
          ;;
        head:*) break ;;
        'sections:--- taken') host_read_part=taken ;;
        sections:*) HOST_TEXT=$HOST_TEXT${HOST_TEXT:+$HOST_NEWLINE}$host_read_line ;;
        taken:at=*) HOST_AT=${host_read_line#at=} ;;
        taken:ms=*) HOST_MS=${host_read_line#ms=} ;;
        'taken:--- end') host_read_part=whole ;;
      esac
    done <"$HOST_FILE"
  } 2>/dev/null
  [ $host_read_part = whole ] && [ -n "$HOST_TEXT" ]
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
  host_take_sections_now=$NOW
  clock_check
  clock_read
  host_take_sections_ms=$NOW
  clock_format
  NOW=$host_take_sections_now
  clock_split "$NOW"
  HOST_REST=$(evidence_write_host_rest)
  HOST_PROCESSES=$(evidence_write_processes)
  [ "$HOST_ROLE" = ours ] || return 0
  HOST_ROLE='' host_take_sections_failed=$OUT_FAILED OUT_FAILED=
  {
    {
      evidence_write_host_early
      out "$HOST_REST"
      out "$HOST_PROCESSES"
      out '--- taken'
      out "at=$ISO"
      out "ms=$host_take_sections_ms"
      [ -n "$OUT_FAILED" ] || out '--- end'
    } >>"$HOST_FILE"
  } 2>/dev/null
  OUT_FAILED=$host_take_sections_failed
  return 0
}

# host_print_copy: prints the sections of the file, and a section that names it
host_print_copy() {
  out "$HOST_TEXT"
  out '--- shared'
  out "file=${HOST_FILE##*/}"
  out "at=$HOST_AT"
}
