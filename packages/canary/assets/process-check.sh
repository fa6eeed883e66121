# shellcheck shell=sh disable=SC2034,SC2153
# Process: whether a process that was noted is running. Sourced; starts a process only without /proc.

# process_check PID:TOKEN -> ID_STATE alive | gone | unknown; a zombie or another process with this pid is gone
process_check() {
  case ${1%%:*} in
    '' | *[!0-9]*)
      ID_STATE=unknown
      return 0
      ;;
  esac
  process_read "${1%%:*}"
  case $P_STATE in
    running) if [ "$P_TOKEN" = "${1#*:}" ]; then ID_STATE=alive; else ID_STATE=gone; fi ;;
    unknown) ID_STATE=unknown ;;
    *) ID_STATE=gone ;;
  esac
}
