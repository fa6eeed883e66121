# shellcheck shell=sh disable=SC1091
# Settling: what a recorder needs from the death of its server to the line of the record, besides what it had while it waited. Sourced.
. "$IAPEER_LIB/logfmt-quote.sh"
. "$IAPEER_LIB/intent.sh"
. "$IAPEER_LIB/cause-witness.sh"
. "$IAPEER_LIB/claim.sh"
. "$IAPEER_LIB/host-lease.sh"
. "$IAPEER_LIB/record.sh"
