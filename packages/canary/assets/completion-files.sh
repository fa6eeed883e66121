# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Completion: writes the snapshot of a death, and removes the files of a generation. Sourced.

# completion_write_snapshot: begins with the early sections that a recorder wrote, if one did
completion_write_snapshot() {
  evidence_has_early && EARLY_DONE=1
  host_look
  host_await
  if [ -n "$HOST_COPY" ]; then
    command eval evidence_complete_copy 2>/dev/null && return 0
    HOST_COPY='' HOST_COPIED='' HOST_UNCOPIED=1
    host_await
  fi
  # A copy that was not completed takes the space of what follows.
  [ ! -s "$SNAPSHOT.$$.part" ] || { command : >"$SNAPSHOT.$$.part"; } 2>/dev/null
  evidence_write_early || return "$UNWRITABLE"
  evidence_write_snapshot
}

# completion_forget: removes the files of a settled generation and its intents. The state file is removed first: a declarer
# without a state file writes no intent, and a recorder without an intent checks the state file before it claims.
completion_forget() {
  completion_leave
  completion_forget_n=1
  [ ! -e "$INTENT" ] || rm -f "$INTENT"
  while
    completion_forget_n=$((completion_forget_n + 1))
    [ -e "$INTENT.$completion_forget_n" ]
  do rm -f "$INTENT.$completion_forget_n"; done
}

# completion_leave: removes the files of a generation, but no intents, which belong to declarers. The lease is removed last (`rm`
# keeps the order of its arguments): after that a successor may own all these names.
completion_leave() {
  set --
  completion_leave_n=1
  while [ -h "$STATE.lease$completion_leave_n" ]; do
    set -- "$@" "$STATE.lease$completion_leave_n"
    completion_leave_n=$((completion_leave_n + 1))
  done
  set +f
  # Few patterns: a shell reads the directory, which has the files of every peer, for each. The first one spares the leases, and temporary
  # files (.tmp) of a process that is replacing one of these.
  LC_ALL=C rm -f "$STATE" "$EARLY" "$STATE".*[!0-9p] "$STATE".*.nap "$STATE.leader-cgroup" "$@"
  set -f
}
