# shellcheck shell=sh disable=SC2034
# Codes: return values of the recorders' functions other than 0. Sourced.
TAKEN=1      # another process holds it
UNWRITABLE=2 # a file cannot be written now
LATER=3      # not decided yet, or another process is working on it
ELSEWHERE=4  # this server's death is recorded under another identity
NO_PROCESS=5 # no process can be started
NO_TOOL=6    # a program that recorders need is missing

DISMISSED=7  # the watch is dismissed; the server is running

# `: at <table> <state> <event>` does nothing: it marks the place where a program meets an event of states.json. A test replaces
# it with a line that logs the event.

# The exit codes of the programs themselves.
EXIT_FAILED=1
EXIT_LATER=3
