# shellcheck shell=sh disable=SC1091
# Recording: what a recorder needs after the line: the snapshot, and the removal of the files of its generation. Sourced.
. "$IAPEER_LIB/evidence.sh"
. "$IAPEER_LIB/host-sections.sh"
. "$IAPEER_LIB/completion-files.sh"
