# shellcheck shell=sh disable=SC1091
# Core: what a recorder keeps in memory: everything that it needs from the death of its server to the line of the record.
# Sourced. What follows the line is in finish.sh, which recorders keep open.
. "$IAPEER_LIB/codes.sh"
. "$IAPEER_LIB/logfmt.sh"
. "$IAPEER_LIB/process.sh"
. "$IAPEER_LIB/clock.sh"
. "$IAPEER_LIB/intent.sh"
. "$IAPEER_LIB/cause-witness.sh"
. "$IAPEER_LIB/claim.sh"
. "$IAPEER_LIB/generation.sh"
. "$IAPEER_LIB/host-lease.sh"
. "$IAPEER_LIB/record.sh"
