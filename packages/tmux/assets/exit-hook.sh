#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154,SC2317
# Exit hook: records why the process of the leader pane exited, then ends the session. tmux runs it from `pane-died`.
#
# Arguments  STATE (path of the guard's state file) PANE (%0) LEADER (pid) STATUS SIGNAL SESSION ($0) NOTED (%0:<pid>, from the
#            launch). Any but STATE may be empty, by the version of tmux
#            or STATE alone: finishes the record of a hook that was killed over it (settle.sh and the guard call it so)
#            or STATE and one word: no hook fired. The leader was taken out of its pane: `gone`, the pane with it, so the
#            session is ended; `replaced`, another program runs there, which is left alone. `held`: tmux keeps its
#            pane for a log that takes nothing more, and tells no status; the session is ended
# Output     nothing (it would disturb a pane); with STATE alone one word: busy | completed | unwritable
# Exit       0; with STATE alone 1 not written, 3 its hook is still at it
#
# A stop that was declared leaves no record. The claim is taken before the line, so that of the hook and the guard one
# records this generation, whatever ends first. Up to the line no process is started. An end other than exit code 0 has a
# snapshot, with the pane's last screen.

names_from_state() {
  IAPEER_CLOCK=
  while IFS='=' read -r k_key k_value; do
    case $k_key in
      server) IAPEER_SERVER=$k_value ;;
      socket) SOCKET=$k_value ;;
      tmux) TMUX_BIN=$k_value ;;
      lib) IAPEER_LIB=$k_value ;;
      record_dir) IAPEER_RECORD_DIR=$k_value ;;
      boot) IAPEER_BOOT=$k_value ;;
      path) PATH=$k_value ;;
      clock) IAPEER_CLOCK=$k_value ;;
    esac
  done <"$1"
  k_base=${1##*/}
  IAPEER_GEN=${k_base##*-} IAPEER_IDENTITY=${k_base%-*} IAPEER_STATE_DIR=${1%/canary/*}
  if [ -r /proc/self/stat ]; then IAPEER_PLATFORM=linux; else IAPEER_PLATFORM=darwin; fi
}

# how_it_ended STATUS SIGNAL -> DEAD_STATUS or DEAD_SIGNAL (canonical), ENDED (how a claim says it). tmux before 3.3 does not
# tell of signals: then both are empty, which is not exit code 0.
how_it_ended() {
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

# name_leader [FORMAT NOTED] -> LEADER: its pid, as it was noted at the launch; tmux 3.8 tells none of a dead pane
name_leader() {
  LEADER=
  { read -r LEADER <"$STATE.leader"; } 2>/dev/null
  case $LEADER in '' | *[!0-9]*) LEADER=${2#*:} ;; esac
  case $LEADER in '' | *[!0-9]*) LEADER=${1:-} ;; esac
}

# claim_session: 0 this end is ours to record, 1 another recorder has it, 2 it cannot be claimed now
claim_session() {
  clock_check
  clock_now
  generation_identity
  session_text="rc=$ENDED,ev=session,rec=$SELF,ts=$NOW"
  if [ -e "$LEADER_FACTS" ] && [ -z "$FACTS_OPEN" ]; then
    { command exec 8<>"$LEADER_FACTS"; } 2>/dev/null && FACTS_OPEN=1
    facts_write "$session_text"
  fi
  claim_server session || return 1
  claim_take "$session_text"
}

# found_late: what has looked and found the leader gone, unrecorded, has noted when it was seen alive; tmux hears of the
# end only now
found_late() {
  late_ms=
  { read -r late_ms <"$STATE.seen"; } 2>/dev/null
  generation_seen "$late_ms"
}

session_line() {
  found_late
  clock_iso
  QUOTED=
  [ "$DEAD_STATUS" = 0 ] || text_quote "$SNAPSHOT"
  { out "ts=$ISO ev=session-exit identity=$IDENTITY gen=$GEN dead_status=$DEAD_STATUS dead_signal=$DEAD_SIGNAL leader_pid=$LEADER forensics=$QUOTED${CAUSE:+ mode=none cause=$CAUSE}${SEEN_ALIVE:+ seen_alive=$SEEN_ALIVE} recorder=hook" >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

pane_tail() {
  p_text=
  [ "$CAUSE" != leader-removed ] || return 0
  [ -z "$PANE" ] || p_text=$(bounded "$TMUX_BIN" -u -S "$SOCKET" capture-pane -p -t "$PANE" -S -50)
  if [ -z "$p_text" ]; then
    unavailable pane-tail 'the pane could not be read'
  else
    out '--- pane-tail'
    out "$p_text" | sed '/^[[:space:]]*$/d' | tail -n 50 | body
  fi
}

# session_snapshots: from here on a snapshot is that of a session: the same evidence under another head, and the screen
session_snapshots() {
  evidence_head() {
    out "session-death identity=$IDENTITY gen=$GEN ts=$ISO server_pid=$SERVER_PID leader_pid=$LEADER dead_status=$DEAD_STATUS dead_signal=$DEAD_SIGNAL platform=$PLATFORM format=1"
  }
  evidence_extra() { pane_tail; }
}

line_is_there() {
  l_log=$RECORD_DIR/exits.log
  [ -n "$(sed -n "/ ev=session-exit identity=[^ ]* gen=$GEN .* recorder=hook\$/p" "$l_log" "$l_log.1" "$l_log.2" "$l_log.3" "$l_log.4" "$l_log.5" 2>/dev/null)" ]
}

snapshot_is_there() { [ "$DEAD_STATUS" = 0 ] || [ "$(sed -n '$p' "$SNAPSHOT" 2>/dev/null)" = '--- end' ]; }

snapshot_write() {
  [ "$DEAD_STATUS" != 0 ] || return 0
  early_is_whole && EARLY_DONE=1
  evidence_early
  evidence_write
}

# record_session: intent, claim, line, snapshot. A claim that cannot be written is tried again: until it is known who records,
# the session is not ended. 0 recorded, or nothing is to be recorded; 1 it could not be claimed
record_session() {
  s_left=300
  while :; do
    intent_read
    case $I_STATE in 'done' | pending) return 0 ;; esac
    claim_session
    case $? in
      0) break ;;
      1) return 0 ;;
    esac
    [ $s_left -gt 0 ] || return 1
    s_left=$((s_left - 1))
    clock_nap 1
    [ -z "$NAP_SPUN" ] || [ $s_left -lt 3 ] || s_left=3
  done
  session_line && claim_fill "$session_text"
  snapshot_write
  return 0
}

# end_session: by their ids, since names can be changed. The witness need not look: the claim says who did it.
# The pane is killed too, where a person has moved it to a session of their own.
# Where the server can start no process, a kill command waits for its witness for ever: whoever looks next sends TERM.
end_session() {
  BOUND=2
  bounded "$TMUX_BIN" -N -S "$SOCKET" set-environment -gh IAPEER_WITNESS /- \; kill-session -t "$SESSION" >/dev/null
  [ $? -lt 128 ] || return 1
  [ -z "$PANE" ] || bounded "$TMUX_BIN" -N -S "$SOCKET" kill-pane -t "$PANE" >/dev/null
  bounded "$TMUX_BIN" -N -S "$SOCKET" set-environment -gh IAPEER_WITNESS "$LIB/witness.sh" >/dev/null
}

hook() {
  PANE=${2:-%0} SESSION=${6:-"\$0"}
  name_leader "$3" "${7:-}"
  how_it_ended "$4" "$5"
  record_session || return 0
  command eval end_session
}

# removed: what the hook would have recorded, had tmux told of it
removed() {
  PANE='' SESSION="\$0"
  name_leader
  if [ "$1" = held ]; then how_it_ended '' ''; else how_it_ended '' removed; fi
  intent_read
  case $I_STATE in 'done' | pending) return 0 ;; esac
  record_session || return 0
  [ "$1" = replaced ] || command eval end_session
}

# finish: the claim is there, who took it may be gone
finish() {
  PANE=''
  name_leader
  claim_read
  if [ -z "$CLAIM_TEXT" ]; then
    facts_read "$LEADER_FACTS"
    CLAIM_TEXT=$FACTS_TEXT
  fi
  claim_field rec "$CLAIM_TEXT"
  f_left=100
  while
    process_check "$FIELD"
    [ -n "$FIELD" ] && [ "$ID_STATE" != gone ]
  do
    [ $f_left -gt 0 ] || { echo busy; exit 3; }
    f_left=$((f_left - 1))
    clock_nap 0.05
  done
  lease_take "$CLAIM.takeover" || { echo busy; exit 3; }
  claim_field ts "$CLAIM_TEXT"
  if [ -n "$FIELD" ]; then NOW=$FIELD; else clock_now; fi
  clock_split "$NOW"
  generation_identity
  claim_field rc "$CLAIM_TEXT"
  case $FIELD in '' | unknown) how_it_ended '' '' ;; removed) how_it_ended '' removed ;; k*) how_it_ended '' "${FIELD#k}" ;; *) how_it_ended "$FIELD" '' ;; esac
  f_said=unwritable
  if { line_is_there || { heal_torn_line && session_line; }; } && { snapshot_is_there || snapshot_write; }; then
    f_said=completed
    generation_forget
  fi
  lease_drop "$CLAIM.takeover"
  echo "$f_said"
  [ "$f_said" = completed ]
}

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  [ -r "$1" ] || return 0
  # What the peer has set of these names is not ours.
  unset CGROUP_V1 CGROUP_V2 CGROUP_PIDS CGROUP_ROOT SYSTEMD_DIR SYSTEM_REPORTS ARMED SIGNAL EARLY_DONE FORK_FAILED LINE_TORN KNOWN_TIME
  LC_ALL=C
  names_from_state "$1"
  . "$IAPEER_LIB/library.sh"
  session_snapshots
  generation_names
  case $# in
    1) finish ;;
    2) removed "$2" >/dev/null 2>&1 || true ;;
    *) hook "$@" >/dev/null 2>&1 || true ;;
  esac
}

main "$@"
exit
