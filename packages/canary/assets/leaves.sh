#!/bin/sh
# Leaves: gives the recorder and the tmux server of a peer a cgroup of their own inside their systemd scope, beside the cgroup of the
# leader, so that a limit of the leader never kills them. Then it becomes the command, also where no cgroup can be made.
#
# Usage    sh leaves.sh UNIT COMMAND...; UNIT is the name of the scope that this process runs in
# Inputs   IAPEER_SCRIPT_PATH (the PATH for mkdir and setfattr); the rest of the environment is the command's
# Output   in each hierarchy in which this process is in UNIT: the cgroups `server` (this process moves there) and `agent`
# Exit     that of the command
#
# A variable that came with the environment stays exported and would reach the command, so the names here are its own.

# leaves_mark DIRECTORY: systemd-oomd spares a cgroup with this attribute (ManagedOOMPreference=avoid of its unit). Systemd sets it
# on units only.
leaves_mark() {
  { PATH=$IAPEER_SCRIPT_PATH setfattr -n user.oomd_avoid -v 1 "$1"; } 2>/dev/null
}

# leaves_make DIRECTORY: makes the cgroups in the scope. Controllers can be enabled once no process is in the scope itself.
leaves_make() {
  { PATH=$IAPEER_SCRIPT_PATH mkdir "$1/server" "$1/agent"; } 2>/dev/null || return 0
  { echo $$ >"$1/server/cgroup.procs"; } 2>/dev/null
  [ -e "$1/cgroup.subtree_control" ] || return 0
  for leaves_make_controller in memory pids; do
    { echo "+$leaves_make_controller" >"$1/cgroup.subtree_control"; } 2>/dev/null
  done
  leaves_mark "$1/server"
}

leaves_make_all() {
  while IFS=: read -r leaves_make_all_id leaves_make_all_names leaves_make_all_path; do
    case $leaves_make_all_path in */"$1") ;; *) continue ;; esac
    leaves_make_all_mount=/sys/fs/cgroup
    case $leaves_make_all_id in
      0) [ -e /sys/fs/cgroup/cgroup.controllers ] || leaves_make_all_mount=/sys/fs/cgroup/unified ;;
      *) leaves_make_all_mount=/sys/fs/cgroup/${leaves_make_all_names#name=} ;;
    esac
    leaves_make "$leaves_make_all_mount$leaves_make_all_path"
  done </proc/self/cgroup
}

main() {
  leaves_make_all "$1"
  shift
  exec "$@"
}

main "$@"
exit
