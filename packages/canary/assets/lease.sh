# shellcheck shell=sh disable=SC2034
# Lease: which process is the recorder of a generation. Links PREFIX1, PREFIX2, ... -> <pid>:<token>; the highest names the
# holder. A dead holder is succeeded by the next number, so there is no moment with two of them. Sourced.

# lease_take PREFIX: 0 taken (LEASE_N), 1 held (HOLDER), 2 cannot be taken
lease_take() {
  LEASE_N=1
  while :; do
    while [ -h "$1$((LEASE_N + 1))" ]; do LEASE_N=$((LEASE_N + 1)); done
    if [ -h "$1$LEASE_N" ]; then
      HOLDER=$(readlink "$1$LEASE_N") || { LEASE_N=1; continue; }
      process_check "$HOLDER"
      [ "$ID_STATE" = gone ] || return 1
      LEASE_N=$((LEASE_N + 1))
    fi
    ln -s "$SELF" "$1$LEASE_N" 2>/dev/null && return 0
    [ -h "$1$LEASE_N" ] || return 2
  done
}

# lease_return PREFIX: gives back what this process has taken; what a lost predecessor left stays for settling
lease_return() {
  lease_n=1
  while [ -h "$1$((lease_n + 1))" ]; do lease_n=$((lease_n + 1)); done
  [ "$(readlink "$1$lease_n")" != "$SELF" ] || rm -f "$1$lease_n"
}

# lease_drop PREFIX: removes the chain; for its holder, when all is done
lease_drop() {
  lease_n=1
  while [ -h "$1$lease_n" ]; do
    rm -f "$1$lease_n"
    lease_n=$((lease_n + 1))
  done
}
