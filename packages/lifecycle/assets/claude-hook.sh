#!/bin/sh
# Claude hook: stores what Claude Code passes to a hook as one file, for the daemon to read.
#
# Input        standard input: the JSON object of the hook
# Environment  IAPEER_MAIL_DIR: the directory of the session
# Output       <IAPEER_MAIL_DIR>/events/<seconds since boot>-<pid>: the first 256 KiB of the object
# Exit         0
#
# Starts no process: `head` takes the place of the shell. Only when many files are there, one process removes the older half.

MOST_FILES=256
MOST_BYTES=262144

# Pads the time, so that the names sort in order of time. Empty on a system without /proc.
read_time() {
  now=
  { read -r now _ </proc/uptime; } 2>/dev/null
  while [ "${#now}" -lt 14 ]; do now=0$now; done
}

keep_few() {
  set -- "$events"/*
  [ "$#" -ge "$MOST_FILES" ] || return 0
  half=$(($# / 2))
  count=0
  for file; do
    [ "$count" -lt "$half" ] || break
    set -- "$@" "$file"
    count=$((count + 1))
  done
  shift "$(($# - half))"
  rm -f "$@"
}

main() {
  events=$IAPEER_MAIL_DIR/events
  [ -d "$events" ] || return 0
  umask 077
  read_time
  keep_few
  { command exec head -c "$MOST_BYTES" >"$events/$now-$$"; } 2>/dev/null
}

main
exit 0
