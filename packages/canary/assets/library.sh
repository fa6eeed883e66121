# shellcheck shell=sh disable=SC1090,SC2153
# Library: everything that recorders share. Sourced; IAPEER_LIB is its directory. All of it is read at the start, so
# that a removed or upgraded package changes nothing for a recorder that runs.
for library_name in text process clock lease intent cause claim generation evidence record; do
  . "$IAPEER_LIB/$library_name.sh"
done
