#!/bin/sh
# shellcheck disable=SC1091,SC2015,SC2034,SC2086,SC2153,SC2317
# Witness: records who runs a tmux command that kills. Runs in the foreground before the command, while its client is running.
#
# Arguments  STATE (path of the guard's state file) COMMAND (kill-server, kill-session, ...)
# Output     server-deaths/<identity>-<gen>.witness; prints nothing (output would disturb a pane)
# Exit       always 0, within a second
#
# It sends the server no request that could change it, and never attaches a client (hooks would run, and control clients that
# attach together crash tmux 3.3a). The kernel (`ss`) tells who is connected to the socket; of several clients, the killer is
# one whose working directory is that of this call. For a key binding the server's message log names the client; it can be read
# only while a client is attached. Processes are never matched by text. If the killer is not certain, all candidates are
# listed at low confidence. If the server survives the command, the witness is removed.
#
# States (generated from states.json by packages/canary/scripts/generate.mjs):
#   asked     no-state        -> done      nothing: this server has no guard
#   asked     intended        -> checking  nothing: the stop is declared
#   asked     seen            -> naming    write the witness without a name
#   naming    by-connection   -> checking  write the client that is connected
#   naming    by-key          -> checking  write the client whose key it was
#   naming    by-candidates   -> checking  write every client, at low confidence
#   naming    time-over       -> checking  keep the witness without a name: the limit of 900 ms is over
#   checking  not-ours        -> done      nothing: no witness of this call
#   checking  server-gone     -> done      keep the witness
#   checking  server-lives    -> done      remove the witness
#   checking  leader-missing  -> done      keep the witness: the command removed the leader from its pane
# End of states.

LIMIT=0.9

# witness_find_lib FILE -> IAPEER_LIB: the directory of the guard's scripts, from its state file
witness_find_lib() {
  while IFS='=' read -r witness_find_lib_key witness_find_lib_value; do
    [ "$witness_find_lib_key" != lib ] || IAPEER_LIB=$witness_find_lib_value
  done <"$1"
}

# witness_list_attached -> ATTACHED: lines `pid name`
witness_list_attached() {
  ATTACHED=$(evidence_run 0.2 "$TMUX_BIN" -S "$SOCKET" list-clients -F '#{client_pid} #{client_name}')
}

witness_is_attached() {
  while read -r witness_is_attached_pid witness_is_attached_name; do
    [ "$witness_is_attached_pid" != "$1" ] || return 0
  done <<EOF
$ATTACHED
EOF
  return 1
}

# witness_list_connected -> PEERS: pids of the clients that are connected to the server and not attached.
# ss(8) prints `<path> <inode> <peer path> <peer inode> ...` for the server's end of a connection, and the reverse, with
# `users:(("tmux: client",pid=...`, for the client's.
witness_list_connected() {
  PEERS='' witness_list_connected_inodes=' '
  evidence_has_tool ss || return 1
  # ss is slow: it reads every process of the host.
  witness_list_connected_all=$(evidence_run 0.4 ss -xpH state established) || witness_list_connected_inodes=
  [ -n "$witness_list_connected_inodes" ] || return 1
  while read -r witness_list_connected_line; do
    case $witness_list_connected_line in *" $SOCKET "[0-9]*) ;; *) continue ;; esac
    witness_list_connected_line=${witness_list_connected_line#*" $SOCKET "}
    # inode, peer path, peer inode
    set -- $witness_list_connected_line
    witness_list_connected_inodes="$witness_list_connected_inodes$3 "
  done <<EOF
$witness_list_connected_all
EOF
  while read -r witness_list_connected_kind witness_list_connected_recv witness_list_connected_send witness_list_connected_path witness_list_connected_inode witness_list_connected_rest; do
    [ "$witness_list_connected_path" = '*' ] || continue
    case $witness_list_connected_inodes in *" $witness_list_connected_inode "*) ;; *) continue ;; esac
    witness_list_connected_pid=${witness_list_connected_rest#*pid=}
    witness_list_connected_pid=${witness_list_connected_pid%%,*}
    case $witness_list_connected_pid in '' | *[!0-9]*) continue ;; esac
    witness_is_attached "$witness_list_connected_pid" || PEERS="$PEERS${PEERS:+ }$witness_list_connected_pid"
  done <<EOF
$witness_list_connected_all
EOF
}

# witness_pick_by_directory PIDS -> KILLERS: those with the working directory of this witness, which tmux took from the caller
witness_pick_by_directory() {
  KILLERS=
  for witness_pick_by_directory_pid in $1; do
    if [ "$(readlink "/proc/$witness_pick_by_directory_pid/cwd")" = "$CALLED_IN" ]; then KILLERS="$KILLERS${KILLERS:+ }$witness_pick_by_directory_pid"; fi
  done
  [ -n "$KILLERS" ] || KILLERS=$1
}

# witness_find_key -> KILLERS: the attached client whose key binding called this witness, by the server's message log
witness_find_key() {
  KILLERS=''
  read -r witness_find_key_pid witness_find_key_viewer <<EOF
$ATTACHED
EOF
  [ -n "$witness_find_key_viewer" ] || return 0
  witness_find_key_mark="#{q:IAPEER_WITNESS_STATE} $COMMAND"
  witness_find_key_line=$(evidence_run 0.2 "$TMUX_BIN" -S "$SOCKET" show-messages -t "$witness_find_key_viewer" | sed -n '/run-shell .*IAPEER_WITNESS_STATE/p' | sed 1q)
  case $witness_find_key_line in *' key '*': run-shell '*"$witness_find_key_mark"*) ;; *) return 0 ;; esac
  witness_find_key_wanted=${witness_find_key_line#* }
  witness_find_key_wanted=${witness_find_key_wanted%% *}
  while read -r witness_find_key_pid witness_find_key_name; do
    [ "$witness_find_key_name" != "$witness_find_key_wanted" ] || KILLERS=$witness_find_key_pid
  done <<EOF
$ATTACHED
EOF
}

# witness_list_candidates -> KILLERS: without `ss`, every process with the server's executable that is not a server
witness_list_candidates() {
  KILLERS='' witness_list_candidates_exe=$(readlink "/proc/${SERVER%%:*}/exe")
  while read -r witness_list_candidates_pid witness_list_candidates_ppid witness_list_candidates_comm; do
    [ "$witness_list_candidates_pid" != "${SERVER%%:*}" ] && ! witness_is_attached "$witness_list_candidates_pid" || continue
    if [ -n "$witness_list_candidates_exe" ]; then
      [ "$(readlink "/proc/$witness_list_candidates_pid/exe")" = "$witness_list_candidates_exe" ] || continue
    else
      [ "${witness_list_candidates_comm##*/}" = tmux ] || continue
    fi
    case $witness_list_candidates_comm in *server*) continue ;; esac
    KILLERS="$KILLERS${KILLERS:+ }$witness_list_candidates_pid"
  done <<EOF
$(evidence_run 0.2 ps -A -o pid= -o ppid= -o comm= | sed -n '/tmux/p')
EOF
}

# witness_find_killer -> KILLERS (pids), CONFIDENCE high | low, VIA connection | key | candidates
witness_find_killer() {
  CONFIDENCE=low VIA=candidates
  witness_list_attached
  if witness_list_connected; then
    VIA=connection
    witness_pick_by_directory "$PEERS"
    if [ -z "$KILLERS" ]; then
      VIA=key
      witness_find_key
    fi
    case $KILLERS in '' | *' '*) ;; *) CONFIDENCE=high ;; esac
  else
    witness_find_key
    if [ -n "$KILLERS" ]; then VIA=key CONFIDENCE=high; else witness_list_candidates; fi
  fi
}

# witness_list_ancestors PID -> CHAIN: the process and its ancestors, nearest first, at most ten
witness_list_ancestors() {
  CHAIN='' witness_list_ancestors_pid=$1 witness_list_ancestors_left=10
  while [ "${witness_list_ancestors_pid:-0}" -gt 0 ] && [ $witness_list_ancestors_left -gt 0 ]; do
    CHAIN="$CHAIN${CHAIN:+ }$witness_list_ancestors_pid"
    process_read "$witness_list_ancestors_pid"
    witness_list_ancestors_pid=$P_PPID
    witness_list_ancestors_left=$((witness_list_ancestors_left - 1))
  done
}

# witness_clean_command WORDS... -> COMMAND_TEXT: cuts long words and words that look like a secret
witness_clean_command() {
  COMMAND_TEXT='' witness_clean_command_hide=
  for witness_clean_command_word in "$@"; do
    [ ${#COMMAND_TEXT} -lt 200 ] || {
      COMMAND_TEXT="$COMMAND_TEXT ..."
      return 0
    }
    witness_clean_command_next=
    case $witness_clean_command_word in
      *[Tt][Oo][Kk][Ee][Nn]*=* | *[Ss][Ee][Cc][Rr][Ee][Tt]*=* | *[Pp][Aa][Ss][Ss]*=* | *[Kk][Ee][Yy]*=* | *[Aa][Uu][Tt][Hh]*=*) witness_clean_command_word=${witness_clean_command_word%%=*}=... ;;
      -*[Tt][Oo][Kk][Ee][Nn]* | -*[Ss][Ee][Cc][Rr][Ee][Tt]* | -*[Pp][Aa][Ss][Ss]* | -*[Kk][Ee][Yy] | -*[Aa][Uu][Tt][Hh]*) witness_clean_command_next=1 ;;
      *://*:*@*) witness_clean_command_word=${witness_clean_command_word%%://*}://... ;;
    esac
    [ -z "$witness_clean_command_hide" ] || witness_clean_command_word=...
    case $witness_clean_command_word in
      */*) ;;
      *[0-9]*) [ ${#witness_clean_command_word} -lt 24 ] || witness_clean_command_word=... ;;
    esac
    [ ${#witness_clean_command_word} -le 120 ] || witness_clean_command_word="${witness_clean_command_word%"${witness_clean_command_word#????????????????????????????????????????}"}..."
    COMMAND_TEXT="$COMMAND_TEXT${COMMAND_TEXT:+ }$witness_clean_command_word"
    witness_clean_command_hide=$witness_clean_command_next
  done
}

# witness_find_details PID -> FOUND_DETAILS: the fields of a process in DETAILS; starts no process, because the command waits
witness_find_details() {
  FOUND_DETAILS=
  while read -r witness_find_details_pid witness_find_details_rest; do
    [ "$witness_find_details_pid" != "$1" ] || { FOUND_DETAILS=$witness_find_details_rest && return 0; }
  done <<EOF
$DETAILS
EOF
}

# witness_describe PID DEPTH: prints a line `process ...`, from ps, or from /proc if ps is too slow
witness_describe() {
  witness_describe_pid=$1 witness_describe_depth=$2
  witness_find_details "$1"
  # shellcheck disable=SC2086 # the words are the fields: ppid user tty start(5) args...
  set -- $FOUND_DETAILS
  if [ $# -ge 9 ]; then
    witness_describe_head="ppid=$1 user=$2 tty=$3 start=$4_$5_$6_$7_$8"
    shift 8
  else
    process_read "$witness_describe_pid"
    [ "$P_STATE" != gone ] || return 0
    witness_describe_head="ppid=$P_PPID user= tty= start=$P_TOKEN"
    # shellcheck disable=SC2046 # the words are the arguments
    set -- $(tr '\000' ' ' <"/proc/$witness_describe_pid/cmdline" 2>/dev/null)
  fi
  witness_clean_command "$@"
  logfmt_quote "$COMMAND_TEXT"
  process_read "$witness_describe_pid"
  out "process pid=$witness_describe_pid depth=$witness_describe_depth $witness_describe_head${P_SESSION:+ session=$P_SESSION} command=$QUOTED"
}

# witness_read_earlier -> EARLIER: the processes in a witness of the last two seconds that was not removed
witness_read_earlier() {
  EARLIER=
  cause_has_witness || return 0
  EARLIER=$(sed -n '/^process /p' "$WITNESS")
  [ -z "$EARLIER" ] || CONFIDENCE=low
}

# witness_write [LINES]: replaces the witness file
witness_write() {
  {
    out "witness ts_ms=$SEEN by=$$ command=$COMMAND confidence=$CONFIDENCE via=$VIA"
    [ -z "$1" ] || out "$1" | sed '/^$/d'
  } >"$WITNESS.$$.part" && mv -f "$WITNESS.$$.part" "$WITNESS"
}

witness_testify() {
  intent_read
  case $I_STATE in
    done | pending)
      : at witness asked intended
      return 0
      ;;
  esac
  clock_check
  clock_read
  SEEN=$NOW
  [ ${#SEEN} -gt 11 ] || SEEN=${SEEN}000
  : at witness asked seen
  # Written first without a name: on a busy host the time limit may come before the rest.
  CONFIDENCE=low VIA=none
  cause_has_witness || witness_write
  witness_find_killer
  witness_testify_args=
  for witness_testify_killer in $KILLERS; do
    witness_list_ancestors "$witness_testify_killer"
    for witness_testify_pid in $CHAIN; do witness_testify_args="$witness_testify_args${witness_testify_args:+,}$witness_testify_pid"; done
  done
  DETAILS=
  [ -z "$witness_testify_args" ] || DETAILS=$(LC_ALL=C TZ=UTC evidence_run 0.2 ps -o pid= -o ppid= -o user= -o tty= -o lstart= -o args= -p "$witness_testify_args" | tr '\001-\011\013-\037\177' '?')
  witness_testify_processes=$(
    for witness_testify_killer in $KILLERS; do
      witness_list_ancestors "$witness_testify_killer"
      witness_testify_depth=0
      for witness_testify_pid in $CHAIN; do
        witness_describe "$witness_testify_pid" $witness_testify_depth
        witness_testify_depth=$((witness_testify_depth + 1))
      done
    done
  )
  [ -n "$witness_testify_processes" ] || CONFIDENCE=low
  witness_read_earlier
  case $VIA in
    connection)
      : at witness naming by-connection
      ;;
    key)
      : at witness naming by-key
      ;;
    *)
      : at witness naming by-candidates
      ;;
  esac
  witness_write "$witness_testify_processes
$EARLIER"
}

# witness_misses_leader: no pane of the running server contains the leader of its session any more
witness_misses_leader() {
  read -r witness_misses_leader_line <"$STATE.leader" && [ -z "$(evidence_run 0.2 "$TMUX_BIN" -S "$SOCKET" list-panes -af "#{==:#{pane_pid},$witness_misses_leader_line}")" ]
}

# witness_is_ours: this process wrote the present witness file
witness_is_ours() {
  witness_is_ours_line=
  read -r witness_is_ours_line <"$WITNESS"
  case $witness_is_ours_line in *" by=$$ "*) ;; *) return 1 ;; esac
}

# witness_retract: removes the witness if the server still answers, or still runs, a moment after the command
witness_retract() {
  witness_retract_left=25
  while [ $witness_retract_left -gt 0 ]; do
    clock_nap 0.08
    process_check "$SERVER"
    [ "$ID_STATE" != gone ] || break
    [ "$(evidence_run 0.2 "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}')" != "${SERVER%%:*}" ] || break
    witness_retract_left=$((witness_retract_left - 1))
  done
  process_check "$SERVER"
  if [ "$ID_STATE" != alive ]; then
    : at witness checking server-gone
  elif ! witness_is_ours; then
    : at witness checking not-ours
  elif witness_misses_leader; then
    : at witness checking leader-missing
  else
    : at witness checking server-lives
    rm -f "$WITNESS"
  fi
}

# witness_run_within SECONDS FUNCTION...: runs a function of this script, and kills it at the time limit
witness_run_within() {
  witness_run_within_limit=$1
  shift
  "$@" &
  witness_run_within_job=$!
  (
    clock_nap "$witness_run_within_limit"
    kill -KILL "$witness_run_within_job"
  ) &
  witness_run_within_dog=$!
  wait "$witness_run_within_job"
  witness_run_within_code=$?
  kill -KILL "$witness_run_within_dog"
  return $witness_run_within_code
}

# witness_begin STATE COMMAND: what precedes the library; 1 the generation is settled
witness_begin() {
  exec </dev/null >/dev/null 2>&1
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  CALLED_IN=$(pwd -P)
  PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:/opt/homebrew/bin:/opt/local/bin
  STATE=$1 COMMAND=$2
  if [ ! -r "$STATE" ]; then
    : at witness asked no-state
    return 1
  fi
  witness_find_lib "$STATE"
}

main() {
  generation_read_state "$STATE"
  generation_set
  witness_run_within $LIMIT witness_testify
  if [ $? -ge 128 ]; then
    : at witness naming time-over
  fi
  rm -f "$WITNESS.$$.part"
  if witness_is_ours; then
    witness_retract &
  else
    : at witness checking not-ours
  fi
}

witness_begin "$@" || exit 0
. "$IAPEER_LIB/library.sh"
main
exit 0
