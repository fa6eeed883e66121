# shellcheck shell=sh disable=SC1091
# Library: everything that the shell programs share. Sourced; IAPEER_LIB is its directory. Guard and watch source its parts in
# the order in which they need them.
. "$IAPEER_LIB/codes.sh"
. "$IAPEER_LIB/logfmt.sh"
. "$IAPEER_LIB/process.sh"
. "$IAPEER_LIB/clock.sh"
. "$IAPEER_LIB/generation.sh"
. "$IAPEER_LIB/claim-facts.sh"
. "$IAPEER_LIB/record-note.sh"
. "$IAPEER_LIB/process-check.sh"
. "$IAPEER_LIB/clock-nap.sh"
. "$IAPEER_LIB/clock-format.sh"
. "$IAPEER_LIB/generation-end.sh"
. "$IAPEER_LIB/settling.sh"
. "$IAPEER_LIB/generation-state.sh"
. "$IAPEER_LIB/lease.sh"
. "$IAPEER_LIB/recording.sh"
. "$IAPEER_LIB/completion.sh"
