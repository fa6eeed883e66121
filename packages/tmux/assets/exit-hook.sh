#!/bin/sh
# shellcheck disable=SC1091,SC2034,SC2153,SC2154,SC2317
# Exit hook: records why the process of the leader pane ended, then ends the session. tmux runs it from `pane-died`.
#
# Arguments  STATE (path of the guard's state file) PANE (%0) LEADER (pid) STATUS SIGNAL (either may be empty) SESSION ($0)
#            or STATE alone: finishes the record of a hook that was killed over it (settle.sh and the guard call it so)
#            or STATE and one word: no hook fired. The leader was taken out of its pane: `gone`, the pane with it, so the
#            session is ended; `replaced`, somebody runs something else there, which is left alone. `held`: tmux keeps its
#            pane for a log that takes nothing more, and tells no status; the session is ended
# Output     nothing (it would disturb a pane); with STATE alone one word: busy | completed | unwritable
# Exit       0; with STATE alone 1 not written, 3 its hook is still at it
#
# A teardown that was declared leaves no record. The claim is taken before the line, so that of the hook and the guard one
# records this generation, whatever ends first. An end other than exit code 0 has a snapshot, with the pane's last screen.

names_from_state() {
  while IFS='=' read -r k_key k_value; do
    case $k_key in
      server) IAPEER_SERVER=$k_value ;;
      socket) SOCKET=$k_value ;;
      tmux) TMUX_BIN=$k_value ;;
      lib) IAPEER_LIB=$k_value ;;
      record_dir) IAPEER_RECORD_DIR=$k_value ;;
      boot) IAPEER_BOOT=$k_value ;;
      path) PATH=$k_value ;;
    esac
  done <"$1"
  k_base=${1##*/}
  IAPEER_GEN=${k_base##*-} IAPEER_IDENTITY=${k_base%-*} IAPEER_STATE_DIR=${1%/canary/*}
  if [ -r /proc/self/stat ]; then IAPEER_PLATFORM=linux; else IAPEER_PLATFORM=darwin; fi
}

# how_it_ended STATUS SIGNAL -> DEAD_STATUS or DEAD_SIGNAL (canonical), ENDED (how a claim says it). tmux before 3.3 does not
# tell of signals: then both are empty, which is no exit code 0.
how_it_ended() {
  DEAD_STATUS=$1 DEAD_SIGNAL='' ENDED=${1:-unknown} CAUSE=''
  case $2 in
    '') ;;
    removed) CAUSE=leader-removed ENDED=removed ;;
    *[!0-9]*) DEAD_SIGNAL=SIG${2#SIG} ENDED=k${2#SIG} ;;
    *)
      signal_cause "$2"
      DEAD_SIGNAL=$SIGNAL ENDED=k$2
      ;;
  esac
}

session_claim() {
  now
  [ -d "$DEATHS" ] || mkdir -p "$DEATHS" 2>/dev/null
  ln -s "rc=$ENDED,ev=session,rec=$SELF,ts=$NOW" "$CLAIM" 2>/dev/null
}

session_line() {
  iso "$NOW"
  Q=
  [ "$DEAD_STATUS" = 0 ] || quote "$SNAPSHOT"
  { printf 'ts=%s ev=session-exit identity=%s gen=%s dead_status=%s dead_signal=%s leader_pid=%s forensics=%s%s\n' \
    "$ISO" "$IDENTITY" "$GEN" "$DEAD_STATUS" "$DEAD_SIGNAL" "$LEADER" "$Q" "${CAUSE:+ mode=none cause=$CAUSE} recorder=hook" >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

pane_tail() {
  p_text=
  [ "$CAUSE" != leader-removed ] || return 0
  [ -z "$PANE" ] || p_text=$(bounded "$TMUX_BIN" -u -S "$SOCKET" capture-pane -p -t "$PANE" -S -50)
  if [ -z "$p_text" ]; then
    unavailable pane-tail 'the pane could not be read'
  else
    printf -- '--- pane-tail\n'
    printf '%s\n' "$p_text" | sed '/^[[:space:]]*$/d' | tail -n 50 | body
  fi
}

# session_snapshots: from here on a snapshot is that of a session: the same evidence under another head, and the screen
session_snapshots() {
  snapshot_text() {
    iso "$NOW"
    printf 'session-death identity=%s gen=%s ts=%s server_pid=%s leader_pid=%s dead_status=%s dead_signal=%s platform=%s format=1\n' \
      "$IDENTITY" "$GEN" "$ISO" "$SERVER_PID" "$LEADER" "$DEAD_STATUS" "$DEAD_SIGNAL" "$PLATFORM"
    pane_tail
    case $PLATFORM in darwin) snapshot_darwin ;; *) snapshot_linux ;; esac
    processes
    section baseline "$BASELINE"
    printf -- '--- end\n'
  }
}

line_is_there() {
  l_log=$RECORD_DIR/exits.log
  [ -n "$(sed -n "/ ev=session-exit identity=$IDENTITY gen=$GEN .* recorder=hook\$/p" "$l_log" "$l_log.1" "$l_log.2" "$l_log.3" "$l_log.4" "$l_log.5" 2>/dev/null)" ]
}

snapshot_is_there() { [ "$DEAD_STATUS" = 0 ] || [ "$(sed -n '$p' "$SNAPSHOT" 2>/dev/null)" = '--- end' ]; }

# record_session: line and snapshot, each once however often it is called
record_session() {
  line_is_there || { heal_torn_line && session_line; } || return 1
  snapshot_is_there || write_snapshot
}

# end_session: by their ids, since names are anybody's to change. The witness need not look: the claim says who did it.
# The pane is ended too, where a person has moved it to a session of their own.
end_session() {
  "$TMUX_BIN" -N -S "$SOCKET" set-environment -gh IAPEER_WITNESS /- \; kill-session -t "$SESSION"
  [ -z "$PANE" ] || "$TMUX_BIN" -N -S "$SOCKET" kill-pane -t "$PANE"
  "$TMUX_BIN" -N -S "$SOCKET" set-environment -gh IAPEER_WITNESS "$LIB/witness.sh"
}

hook() {
  PANE=$2 LEADER=$3 SESSION=$6
  how_it_ended "$4" "$5"
  read_intent
  case $I_STATE in
    done | pending) ;;
    *) if session_claim; then record_session; fi ;;
  esac
  end_session
}

# removed: what the hook would have recorded, had tmux told of it
removed() {
  PANE='' LEADER='' SESSION="\$0"
  { read -r LEADER <"$STATE.leader"; } 2>/dev/null
  if [ "$1" = held ]; then how_it_ended '' ''; else how_it_ended '' removed; fi
  read_intent
  case $I_STATE in
    done | pending) return 0 ;;
    *) if session_claim; then record_session; fi ;;
  esac
  [ "$1" = replaced ] || end_session
}

# finish: the claim is there, who took it may be gone
finish() {
  PANE='' LEADER=
  { read -r LEADER <"$STATE.leader"; } 2>/dev/null
  f_text=,$(readlink "$CLAIM"),
  f_rest=${f_text#*,rc=} f_rc=${f_rest%%,*}
  f_rest=${f_text#*,rec=} f_left=100
  while
    id_look "${f_rest%%,*}"
    [ "$ID_STATE" != gone ]
  do
    [ $f_left -gt 0 ] || { echo busy; exit 3; }
    f_left=$((f_left - 1))
    nap 0.05
  done
  take_lease "$CLAIM.takeover" || { echo busy; exit 3; }
  f_rest=${f_text#*,ts=} NOW=${f_rest%%,*}
  case $f_rc in unknown) how_it_ended '' '' ;; removed) how_it_ended '' removed ;; k*) how_it_ended '' "${f_rc#k}" ;; *) how_it_ended "$f_rc" '' ;; esac
  if record_session; then f_said=completed; else f_said=unwritable; fi
  [ "$f_said" = unwritable ] || forget
  drop_leases "$CLAIM.takeover"
  echo "$f_said"
  [ "$f_said" = completed ]
}

main() {
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  [ -r "$1" ] || return 0
  # What the peer has set of these names is not ours.
  unset CLAIMED LINED NAP_WHOLE CGROUP_V1 CGROUP_V2 CGROUP_ROOT SYSTEMD_DIR SYSTEM_REPORTS ARMED SIGNAL SYSTEM
  LC_ALL=C
  names_from_state "$1"
  . "$IAPEER_LIB/process.sh"
  . "$IAPEER_LIB/record.sh"
  . "$IAPEER_LIB/snapshot.sh"
  session_snapshots
  settle_names
  case $# in
    1) finish ;;
    2) removed "$2" >/dev/null 2>&1 || true ;;
    *) hook "$@" >/dev/null 2>&1 || true ;;
  esac
}

main "$@"
exit
