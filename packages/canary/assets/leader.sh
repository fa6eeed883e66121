#!/bin/sh
# Leader: moves this process to its cgroups, makes it a likelier victim when memory runs out, and becomes the program of a peer. It
# starts no process, so the program has the pid that tmux knows. Nothing here keeps the program from starting.
#
# Usage    sh leader.sh [DIRECTORY...] -- PROGRAM [ARGUMENT...]; each DIRECTORY is a cgroup
# Inputs   none; the environment is the program's
# Exit     that of the program; 126 or 127 if it cannot be run
#
# A variable that came with the environment stays exported and would reach the program, so the names here are its own.

# How much more likely than its tmux server and its recorder the kernel kills this process (proc_pid_oom_score_adj(5)). A process
# may always raise its own value.
LEADER_RAISE=300
LEADER_MAX=1000

leader_join() { { echo $$ >"$1/cgroup.procs"; } 2>/dev/null; }

leader_raise() {
  leader_raise_value=
  { read -r leader_raise_value </proc/self/oom_score_adj; } 2>/dev/null
  case $leader_raise_value in '' | *[!0-9-]*) return 0 ;; esac
  leader_raise_value=$((leader_raise_value + LEADER_RAISE))
  [ "$leader_raise_value" -le "$LEADER_MAX" ] || leader_raise_value=$LEADER_MAX
  { echo "$leader_raise_value" >/proc/self/oom_score_adj; } 2>/dev/null
}

main() {
  while [ "$1" != -- ]; do
    leader_join "$1"
    shift
  done
  shift
  leader_raise
  exec "$@"
}

main "$@"
exit
