#!/bin/sh
# Claude watch: an asyncRewake hook of Claude Code. Waits for a message and gives it to the session.
#
# Environment  IAPEER_MAIL_DIR: the directory of the session
# Input        drops/<mark>: a message, placed by a rename. A line in watchers/<pid> (a FIFO) says that there is something to do.
# Output       standard error: the text of the message, which Claude Code gives to the session
# Files        watcher: the pid of the newest watcher; claimed/<mark>.<pid>-<start time>: a message that this watcher took
# Exit         2 with a message; 0 when a newer watcher exists, when Claude Code is gone, and when it cannot wait
#
# A process that claims a message renames it; of two that try, one has it. Waiting starts no process and polls nothing: the shell
# reads a FIFO that it has opened itself for reading and writing.

is_needed() {
  newest=
  { read -r newest <"$IAPEER_MAIL_DIR/watcher"; } 2>/dev/null
  [ "$newest" = "$$" ] && kill -0 "$PPID" 2>/dev/null
}

# Takes the place of the watcher before, and wakes it, so that it ends.
replace_older() {
  older=
  { read -r older <"$IAPEER_MAIL_DIR/watcher"; } 2>/dev/null
  { command echo "$$" >"$IAPEER_MAIL_DIR/watcher"; } 2>/dev/null || return 1
  if [ -p "$IAPEER_MAIL_DIR/watchers/${older:-none}" ]; then
    { command echo end <>"$IAPEER_MAIL_DIR/watchers/$older" >&0; } 2>/dev/null
  fi
  return 0
}

# The start time is field 22 of /proc/<pid>/stat; fields are counted from the last parenthesis.
read_start() {
  start=-
  stat=
  { read -r stat <"/proc/$$/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # The fields are words.
  set -- ${stat##*) }
  start=${20:--}
}

claim() {
  for drop in "$IAPEER_MAIL_DIR"/drops/*; do
    [ -f "$drop" ] || continue
    claimed=$IAPEER_MAIL_DIR/claimed/${drop##*/}.$$-$start
    mv "$drop" "$claimed" 2>/dev/null || continue
    [ -f "$claimed" ] || continue
    return 0
  done
  return 1
}

main() {
  umask 077
  cd "$IAPEER_MAIL_DIR" || return 0
  fifo=$IAPEER_MAIL_DIR/watchers/$$
  replace_older || return 0
  rm -f "$fifo"
  mkfifo "$fifo" 2>/dev/null || return 0
  { command exec 3<>"$fifo"; } 2>/dev/null || return 0
  read_start
  while is_needed; do
    if claim; then
      rm -f "$fifo"
      cat "$claimed" >&2
      return 2
    fi
    read -r _ <&3 || break
  done
  rm -f "$fifo"
  return 0
}

main
exit
