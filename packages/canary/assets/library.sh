# shellcheck shell=sh disable=SC1091
# Library: everything that the shell programs share. Sourced; IAPEER_LIB is its directory. Recorders hold only a part of it
# in memory (core.sh).
. "$IAPEER_LIB/text.sh"
. "$IAPEER_LIB/process.sh"
. "$IAPEER_LIB/clock.sh"
. "$IAPEER_LIB/intent.sh"
. "$IAPEER_LIB/cause.sh"
. "$IAPEER_LIB/claim.sh"
. "$IAPEER_LIB/generation.sh"
. "$IAPEER_LIB/record.sh"
. "$IAPEER_LIB/lease.sh"
. "$IAPEER_LIB/evidence.sh"
. "$IAPEER_LIB/settled.sh"
