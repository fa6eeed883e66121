# shellcheck shell=sh disable=SC2034
# Codes: what the functions of the recorders return when they do not return 0. Sourced.
TAKEN=1      # another process has it
UNWRITABLE=2 # it cannot be written now
LATER=3      # it is not decided yet, or another process is at it
ELSEWHERE=4  # the end of this server is recorded under another name
NO_PROCESS=5 # no process can be started
NO_TOOL=6    # a program that recorders need is missing

DISMISSED=7  # the watch is over, and the server lives

# `: at <table> <state> <event>` in a program does nothing: it marks where the program meets an event of states.json, and a test
# puts a line there that writes the event down.

# The exit codes of the programs themselves.
EXIT_FAILED=1
EXIT_LATER=3
