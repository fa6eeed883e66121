# shellcheck shell=sh disable=SC1091
# Library: everything that the shell programs share. Sourced; IAPEER_LIB is its directory. A waiting recorder keeps only
# core.sh in memory.
. "$IAPEER_LIB/core.sh"
. "$IAPEER_LIB/generation-state.sh"
. "$IAPEER_LIB/lease.sh"
. "$IAPEER_LIB/evidence.sh"
. "$IAPEER_LIB/host-sections.sh"
. "$IAPEER_LIB/completion.sh"
