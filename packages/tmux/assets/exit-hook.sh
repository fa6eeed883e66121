#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154,SC2317
# Exit hook: records why the process of the leader pane exited, then ends the session. tmux runs it from `pane-died`.
#
# Arguments  STATE (path of the guard's state file) PANE (%0) LEADER (pid) STATUS SIGNAL SESSION ($0) NOTED (%0:<pid>, from the
#            launch) DIED (epoch seconds, from a later check: tmux noticed the exit then). All but STATE can be empty, depending on
#            the version of tmux
#            or STATE alone: complete the record of a hook that was killed while it recorded (for settle.sh and the guard)
#            or STATE and one word: no hook ran. `gone`: the pane of the leader was removed; the session is killed.
#            `replaced`: another program runs in the pane; it is not touched. `held`: tmux keeps the pane because the writer of
#            its log reads no more, and reports no status; the session is killed
# Input      IAPEER_SEEN_MS: when the leader was last seen running (epoch milliseconds), only from a check
# Output     nothing (it would disturb a pane); with STATE alone one word: busy | completed | unwritable
# Exit       0; with STATE alone 1 not written, 3 the hook is still recording
#
# A stop with a declared intent leaves no record. The claim is taken before the line is written, so that either the hook or the
# guard records this generation, whichever is first. No process is started before the line is written. A snapshot with the last
# screen of the pane follows.
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   asked       no-state          -> done        nothing: the generation is settled
#   asked       pane-died         -> deciding    decode status and signal
#   asked       leader-removed    -> deciding    nothing: no status is known
#   asked       finish            -> completing  read the claim
#   deciding    intended          -> ending      nothing: the stop is intended, so nothing is recorded
#   deciding    claimed           -> writing     write the line
#   deciding    taken             -> ending      nothing: another recorder has the claim
#   deciding    unwritable        -> deciding    wait a second, at most 300 times
#   deciding    removal-intended  -> done        nothing: the stop is intended, with its session
#   writing     written           -> ending      write the snapshot, with the last screen
#   ending      session           -> done        kill the session and the pane by their ids, then a server without another session
#   ending      replaced          -> done        nothing: another program runs in the pane
#   completing  hook-lives        -> later       print busy, exit 3, after five seconds
#   completing  taken             -> later       print busy, exit 3: another process completes it
#   completing  completed         -> done        write what is missing, remove the files, print completed
#   completing  unwritable        -> failed      print unwritable, exit 1
# End of states.

# A check that finds an exit later than this, in seconds, notes when the leader was last seen alive.
RECENT_S=5

# hook_find_lib FILE -> IAPEER_LIB: the directory with the scripts of the guard, from its state file
hook_find_lib() {
  while IFS='=' read -r hook_find_lib_key hook_find_lib_value; do
    [ "$hook_find_lib_key" != lib ] || IAPEER_LIB=$hook_find_lib_value
  done <"$1"
}

# hook_decode STATUS SIGNAL -> DEAD_STATUS or DEAD_SIGNAL (canonical), ENDED (the form in a claim), CAUSE. tmux before 3.3 does
# not report signals: then both are empty, which does not mean exit code 0.
hook_decode() {
  DEAD_STATUS=$1 DEAD_SIGNAL='' ENDED=${1:-unknown} CAUSE=''
  case $2 in
    '') ;;
    removed) CAUSE=leader-removed ENDED=removed ;;
    *[!0-9]*) DEAD_SIGNAL=SIG${2#SIG} ENDED=k${2#SIG} ;;
    *)
      cause_decide_signal "$2"
      DEAD_SIGNAL=$SIGNAL ENDED=k$2 CAUSE=''
      ;;
  esac
}

# hook_decode_claim RC -> the same variables, from the status in a claim
hook_decode_claim() {
  case $1 in
    '' | unknown) hook_decode '' '' ;;
    removed) hook_decode '' removed ;;
    k*) hook_decode '' "${1#k}" ;;
    *) hook_decode "$1" '' ;;
  esac
}

# hook_name_leader [FORMAT NOTED] -> LEADER: its pid, as noted at the launch; tmux 3.8 does not report the pid of a dead pane
hook_name_leader() {
  LEADER=
  { read -r LEADER <"$STATE.leader"; } 2>/dev/null
  case $LEADER in '' | *[!0-9]*) LEADER=${2#*:} ;; esac
  case $LEADER in '' | *[!0-9]*) LEADER=${1:-} ;; esac
}

# hook_open_facts: opens the facts file as descriptor 8, if the recorder of the server has prepared one
hook_open_facts() {
  [ -e "$LEADER_FACTS" ] || return 0
  { command exec 8<>"$LEADER_FACTS"; } 2>/dev/null && FACTS_OPEN=1
}

# hook_read_seen -> SEEN_MS, SEEN_ALIVE: the time at which the leader was last seen alive. It is noted by a check that found the
# leader gone without a record, when tmux notices the exit only later; a check that runs this hook passes it too
hook_read_seen() {
  hook_read_seen_noted=
  { read -r hook_read_seen_noted <"$STATE.seen"; } 2>/dev/null
  case $hook_read_seen_noted in '' | *[!0-9]*) ;; *) SEEN_MS=$hook_read_seen_noted ;; esac
  generation_note_seen "$SEEN_MS"
}

# hook_know_time MS -> KNOWN_TIME, no SEEN_ALIVE: the time of death is known, so the record needs no bracket
hook_know_time() {
  KNOWN_TIME=$1 SEEN_ALIVE=
  [ ! -s "$STATE.seen" ] || { : >"$STATE.seen"; } 2>/dev/null
}

# hook_note_time [DIED] -> KNOWN_TIME, SEEN_ALIVE: the time of death: that of an earlier hook that noted the exit and could not
# record it, with its status; else DIED; else the present time, which does not change while the claim is tried again
hook_note_time() {
  record_set_time
  hook_read_seen
  claim_read_facts "$LEADER_FACTS"
  claim_parse "$FACTS_TEXT"
  case $CLAIM_EVENT:$CLAIM_TIME in session:[1-9]*)
    hook_decode_claim "$CLAIM_RC"
    KNOWN_TIME=$CLAIM_TIME FACTS_OPEN=kept
    return 0
    ;;
  esac
  KNOWN_TIME=$NOW
  case ${1:-} in '' | *[!0-9]* | 0*) return 0 ;; esac
  if [ "$1" -lt "$NOW_S" ]; then hook_know_time "${1}000"; else hook_know_time "$NOW"; fi
}

# hook_note_removal -> KNOWN_TIME: when the pane was removed, if the command was witnessed after the leader was last seen alive
hook_note_removal() {
  hook_note_removal_from=$((NOW_S - RECENT_S))
  [ -z "$SEEN_MS" ] || hook_note_removal_from=${SEEN_MS%???}
  cause_read_witness "$hook_note_removal_from" "$NOW_S" || return 0
  hook_know_time "$WITNESS_TIME"
}

# hook_heal_socket: makes the server create its socket anew if that was removed: the clients below need it
hook_heal_socket() {
  [ ! -S "$SOCKET" ] || return 0
  process_check "$SERVER"
  [ "$ID_STATE" != alive ] || kill -USR1 "$SERVER_PID"
}

# hook_record: checks the intent, then writes claim, line and snapshot. A claim that cannot be written is tried again: the session
# is not killed before one recorder has the claim. Returns 0 recorded or nothing to record, UNWRITABLE the claim cannot be written
hook_record() {
  [ -n "$FACTS_OPEN" ] || hook_open_facts
  hook_record_left=$HOOK_TRIES
  while :; do
    intent_read
    case $I_STATE in
      'done' | pending)
        : at hook deciding intended
        return 0
        ;;
    esac
    record_claim "$ENDED"
    case $? in
      0) break ;;
      "$TAKEN" | "$ELSEWHERE")
        : at hook deciding taken
        return 0
        ;;
    esac
    : at hook deciding unwritable
    [ $hook_record_left -gt 0 ] || return "$UNWRITABLE"
    hook_record_left=$((hook_record_left - 1))
    clock_nap 1
    [ -z "$NAP_SPUN" ] || [ $hook_record_left -lt 3 ] || hook_record_left=3
  done
  : at hook deciding claimed
  record_write_line && claim_fill "$CLAIM_LINE"
  : at hook writing written
  hook_heal_socket
  host_take
  host_defer
  completion_write_snapshot && rm -f "$EARLY"
  return 0
}

# hook_end_session: kills session and pane by their ids, because names can be changed. It turns the witness off meanwhile: the
# claim already names the cause. The pane is killed too, because a user may have moved it to another session. A configuration can
# keep a server without sessions (exit-empty), or a hook of it can make a session when the last one is closed: IAPEER_LAST notes that
# this session is the only one, and then the server is killed. If the server cannot start a process, a kill command waits for its witness forever; then the
# next check sends TERM.
hook_end_session() {
  evidence_run_client 2 -N set-environment -gh IAPEER_WITNESS /- \; set-option -s exit-empty on \; \
    if-shell -F "#{==:#{S:#{session_id}},$SESSION}" 'set-environment -gh IAPEER_LAST 1' \; kill-session -t "$SESSION" >/dev/null
  [ $? -lt 128 ] || return 1
  [ -z "$PANE" ] || evidence_run_client 2 -N kill-pane -t "$PANE" >/dev/null
  evidence_run_client 2 -N if-shell -F '#{IAPEER_LAST}' 'set-hook -gu session-closed ; set-hook -gu window-unlinked ; kill-server' \; \
    set-environment -gh IAPEER_WITNESS "$LIB/witness.sh" >/dev/null
}

# hook_run: records the exit that tmux reported, then kills the session
hook_run() {
  PANE=${2:-%0} SESSION=${6:-"\$0"}
  hook_name_leader "$3" "${7:-}"
  hook_decode "$4" "$5"
  hook_note_time "${8:-}"
  hook_record || return 0
  : at hook ending session
  command eval hook_end_session
}

# hook_run_removed WORD: records an exit that tmux did not report; WORD as above
hook_run_removed() {
  PANE='' SESSION="\$0"
  hook_name_leader
  if [ "$1" = held ]; then hook_decode '' ''; else hook_decode '' removed; fi
  hook_note_time
  [ "$CAUSE" != leader-removed ] || hook_note_removal
  intent_read
  case $I_STATE in
    'done' | pending)
      : at hook deciding removal-intended
      return 0
      ;;
  esac
  hook_record || return 0
  if [ "$1" = replaced ]; then
    : at hook ending replaced
    return 0
  fi
  : at hook ending session
  command eval hook_end_session
}

# hook_finish: completes the record if the hook that took the claim is gone
hook_finish() {
  PANE=''
  hook_name_leader
  completion_read
  completion_wait "$CLAIM_RECORDER" 100 || {
    : at hook completing hook-lives
    out busy
    return "$EXIT_LATER"
  }
  generation_read_name
  hook_read_seen
  hook_decode_claim "$CLAIM_RC"
  completion_run
  case $? in
    0)
      : at hook completing completed
      out completed
      ;;
    "$LATER")
      : at hook completing taken
      out busy
      return "$EXIT_LATER"
      ;;
    *)
      : at hook completing unwritable
      out unwritable
      return "$EXIT_FAILED"
      ;;
  esac
}

# hook_clear_environment: the environment of the peer may contain variables of these names
hook_clear_environment() {
  unset CGROUP_V1 CGROUP_V2 CGROUP_PIDS CGROUP_ROOT SYSTEMD_DIR SYSTEM_REPORTS ARMED SIGNAL EARLY_DONE FORK_FAILED LINE_TORN KNOWN_TIME
  LC_ALL=C
}

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  if [ ! -r "$1" ]; then
    : at hook asked no-state
    return 0
  fi
  hook_clear_environment
  hook_find_lib "$1"
  . "$IAPEER_LIB/library.sh"
  generation_read_state "$1"
  generation_set
  # A check is repeated, so it tries twice. tmux passes the environment of its server: only a check knows SEEN_MS.
  HOOK_TRIES=300
  case $# in 2 | 8) HOOK_TRIES=1 ;; *) SEEN_MS= ;; esac
  EVENT=session
  case $# in
    1)
      : at hook asked finish
      hook_finish
      ;;
    2)
      : at hook asked leader-removed
      hook_run_removed "$2" >/dev/null 2>&1 || true
      ;;
    *)
      : at hook asked pane-died
      hook_run "$@" >/dev/null 2>&1 || true
      ;;
  esac
}

main "$@"
exit
