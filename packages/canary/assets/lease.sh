# shellcheck shell=sh disable=SC2034
# Lease: which process is the recorder of a generation. Links PREFIX1, PREFIX2, ... -> <pid>:<token>; the highest number names
# the holder. The successor of a dead holder takes the next number, so there are never two holders. Sourced.

# lease_take PREFIX: 0 taken (LEASE_N); TAKEN held (by HOLDER); UNWRITABLE
lease_take() {
  LEASE_N=1
  while :; do
    while [ -h "$1$((LEASE_N + 1))" ]; do LEASE_N=$((LEASE_N + 1)); done
    if [ -h "$1$LEASE_N" ]; then
      HOLDER=$(readlink "$1$LEASE_N") || { LEASE_N=1; continue; }
      process_check "$HOLDER"
      [ "$ID_STATE" = gone ] || return "$TAKEN"
      LEASE_N=$((LEASE_N + 1))
    fi
    ln -s "$SELF" "$1$LEASE_N" 2>/dev/null && return 0
    [ -h "$1$LEASE_N" ] || return "$UNWRITABLE"
  done
}

# lease_return PREFIX: removes the lease of this process; those of lost predecessors stay for settling
lease_return() {
  lease_return_n=1
  while [ -h "$1$((lease_return_n + 1))" ]; do lease_return_n=$((lease_return_n + 1)); done
  [ "$(readlink "$1$lease_return_n")" != "$SELF" ] || rm -f "$1$lease_return_n"
}

# lease_drop PREFIX: removes the whole chain; called by its holder
lease_drop() {
  lease_drop_n=1
  while [ -h "$1$lease_drop_n" ]; do
    rm -f "$1$lease_drop_n"
    lease_drop_n=$((lease_drop_n + 1))
  done
}
