#!/bin/sh
# shellcheck disable=SC1091,SC2015,SC2034,SC2086,SC2153,SC2317
# Witness: who runs a tmux command that kills. Runs in the foreground before the command, while its client still lives.
#
# Arguments  STATE (path of the guard's state file) COMMAND (kill-server, kill-session, ...)
# Output     nothing, ever (anything else would disturb a pane); server-deaths/<identity>-<gen>.witness
# Exit       0, within a second, whatever happens
#
# Nothing is asked of the server that could change it; above all no client of ours ever attaches (hooks would run, and
# control clients that come together crash tmux 3.3a). Who is connected to its socket is what the kernel says (`ss`); of
# several, those whose working folder the server gave this very call. A key is named by the server's own message log,
# which it shows where somebody is attached. Never by matching the text of processes. Where it is not certain, all
# that it could have been are listed, at low confidence. A command that leaves the server alive leaves no witness.

LIMIT=0.9

names_from_state() {
  CLOCK=
  while IFS='=' read -r k_key k_value; do
    case $k_key in
      server) SERVER=$k_value ;;
      socket) SOCKET=$k_value ;;
      tmux) TMUX_BIN=$k_value ;;
      lib) LIB=$k_value ;;
      record_dir) RECORD_DIR=$k_value ;;
      path) PATH=$k_value ;;
      clock) CLOCK=$k_value ;;
    esac
  done <"$STATE"
  k_base=${STATE##*/}
  INTENT=${STATE%/canary/*}/intent/$k_base SERVER_INTENT=
  WITNESS=$RECORD_DIR/server-deaths/$k_base.witness
}

# attached_clients -> ATTACHED: lines `pid name`
attached_clients() {
  ATTACHED=$(bounded "$TMUX_BIN" -S "$SOCKET" list-clients -F '#{client_pid} #{client_name}')
}

is_attached() {
  while read -r f_pid f_name; do
    [ "$f_pid" != "$1" ] || return 0
  done <<EOF
$ATTACHED
EOF
  return 1
}

# connected -> PEERS: pids of the processes at the other end of the server's connections, attached ones left out.
# ss(8) prints `<path> <inode> <peer path> <peer inode> ...` for the server's side, and the same turned round, with
# `users:(("tmux: client",pid=...` for the client's.
connected() {
  PEERS='' c_inodes=' '
  has ss || return 1
  # It looks at every process there is.
  BOUND=0.4
  c_all=$(bounded ss -xpH state established) || c_inodes=
  BOUND=0.2
  [ -n "$c_inodes" ] || return 1
  while read -r c_line; do
    case $c_line in *" $SOCKET "[0-9]*) ;; *) continue ;; esac
    c_line=${c_line#*" $SOCKET "}
    # inode, peer path, peer inode
    set -- $c_line
    c_inodes="$c_inodes$3 "
  done <<EOF
$c_all
EOF
  while read -r c_kind c_recv c_send c_path c_inode c_rest; do
    [ "$c_path" = '*' ] || continue
    case $c_inodes in *" $c_inode "*) ;; *) continue ;; esac
    c_pid=${c_rest#*pid=}
    c_pid=${c_pid%%,*}
    case $c_pid in '' | *[!0-9]*) continue ;; esac
    is_attached "$c_pid" || PEERS="$PEERS${PEERS:+ }$c_pid"
  done <<EOF
$c_all
EOF
}

# same_folder PIDS -> KILLERS: those that work where the server started this witness, which is where its caller works
same_folder() {
  KILLERS=
  for o_pid in $1; do
    if [ "$(readlink "/proc/$o_pid/cwd")" = "$CALLED_IN" ]; then KILLERS="$KILLERS${KILLERS:+ }$o_pid"; fi
  done
  [ -n "$KILLERS" ] || KILLERS=$1
}

# pressed -> KILLERS: the attached client whose key the newest call of this witness was, by the server's message log
pressed() {
  KILLERS=''
  read -r e_pid e_viewer <<EOF
$ATTACHED
EOF
  [ -n "$e_viewer" ] || return 0
  e_mark="#{q:IAPEER_WITNESS_STATE} $COMMAND"
  e_line=$(bounded "$TMUX_BIN" -S "$SOCKET" show-messages -t "$e_viewer" | sed -n '/run-shell .*IAPEER_WITNESS_STATE/p' | sed 1q)
  case $e_line in *' key '*': run-shell '*"$e_mark"*) ;; *) return 0 ;; esac
  e_name=${e_line#* }
  e_name=${e_name%% *}
  while read -r f_pid f_name; do
    [ "$f_name" != "$e_name" ] || KILLERS=$f_pid
  done <<EOF
$ATTACHED
EOF
}

# candidates -> KILLERS: where the kernel cannot be asked, every process of the server's own executable that is no server
candidates() {
  KILLERS='' v_exe=$(readlink "/proc/${SERVER%%:*}/exe")
  while read -r v_pid v_ppid v_comm; do
    [ "$v_pid" != "${SERVER%%:*}" ] && ! is_attached "$v_pid" || continue
    if [ -n "$v_exe" ]; then
      [ "$(readlink "/proc/$v_pid/exe")" = "$v_exe" ] || continue
    else
      [ "${v_comm##*/}" = tmux ] || continue
    fi
    case $v_comm in *server*) continue ;; esac
    KILLERS="$KILLERS${KILLERS:+ }$v_pid"
  done <<EOF
$(bounded ps -A -o pid= -o ppid= -o comm= | sed -n '/tmux/p')
EOF
}

# find_killer -> KILLERS (pids), CONFIDENCE high | low, VIA connection | key | candidates
find_killer() {
  CONFIDENCE=low VIA=candidates
  attached_clients
  if connected; then
    VIA=connection
    same_folder "$PEERS"
    if [ -z "$KILLERS" ]; then
      VIA=key
      pressed
    fi
    case $KILLERS in '' | *' '*) ;; *) CONFIDENCE=high ;; esac
  else
    pressed
    if [ -n "$KILLERS" ]; then VIA=key CONFIDENCE=high; else candidates; fi
  fi
}

# chain_of PID -> CHAIN: the process and its ancestors, nearest first, at most ten
chain_of() {
  CHAIN='' h_pid=$1 h_left=10
  while [ "${h_pid:-0}" -gt 0 ] && [ $h_left -gt 0 ]; do
    CHAIN="$CHAIN${CHAIN:+ }$h_pid"
    process_look "$h_pid"
    h_pid=$P_PPID
    h_left=$((h_left - 1))
  done
}

# clean_command WORDS... -> COMMAND_TEXT: long words, and what looks like a secret, are cut
clean_command() {
  COMMAND_TEXT='' m_hide=
  for m_word in "$@"; do
    [ ${#COMMAND_TEXT} -lt 200 ] || {
      COMMAND_TEXT="$COMMAND_TEXT ..."
      return 0
    }
    m_next=
    case $m_word in
      *[Tt][Oo][Kk][Ee][Nn]*=* | *[Ss][Ee][Cc][Rr][Ee][Tt]*=* | *[Pp][Aa][Ss][Ss]*=* | *[Kk][Ee][Yy]*=* | *[Aa][Uu][Tt][Hh]*=*) m_word=${m_word%%=*}=... ;;
      -*[Tt][Oo][Kk][Ee][Nn]* | -*[Ss][Ee][Cc][Rr][Ee][Tt]* | -*[Pp][Aa][Ss][Ss]* | -*[Kk][Ee][Yy] | -*[Aa][Uu][Tt][Hh]*) m_next=1 ;;
      *://*:*@*) m_word=${m_word%%://*}://... ;;
    esac
    [ -z "$m_hide" ] || m_word=...
    case $m_word in
      */*) ;;
      *[0-9]*) [ ${#m_word} -lt 24 ] || m_word=... ;;
    esac
    [ ${#m_word} -le 120 ] || m_word="${m_word%"${m_word#????????????????????????????????????????}"}..."
    COMMAND_TEXT="$COMMAND_TEXT${COMMAND_TEXT:+ }$m_word"
    m_hide=$m_next
  done
}

# describe PID DEPTH: one line `process ...` from ps, or from /proc where ps gives nothing in time
describe() {
  set --  "$1" "$2" "$(out "$DETAILS" | sed -n "s/^ *$1  *//p" | sed 1q)"
  d_pid=$1 d_depth=$2
  # shellcheck disable=SC2086 # the words are the fields: ppid user tty start(5) args...
  set -- $3
  if [ $# -ge 9 ]; then
    d_head="ppid=$1 user=$2 tty=$3 start=$4_$5_$6_$7_$8"
    shift 8
  else
    process_look "$d_pid"
    [ "$P_STATE" != gone ] || return 0
    d_head="ppid=$P_PPID user= tty= start=$P_TOKEN"
    # shellcheck disable=SC2046 # the words are the arguments
    set -- $(tr '\000' ' ' <"/proc/$d_pid/cmdline" 2>/dev/null)
  fi
  clean_command "$@"
  text_quote "$COMMAND_TEXT"
  out "process pid=$d_pid depth=$d_depth $d_head command=$QUOTED"
}

# earlier -> EARLIER: what another witness of the last two seconds has written, and nobody has taken back
earlier() {
  EARLIER=
  cause_has_witness || return 0
  EARLIER=$(sed -n '/^process /p' "$WITNESS")
  [ -z "$EARLIER" ] || CONFIDENCE=low
}

# put [LINES]: the witness as it is known now
put() {
  {
    out "witness ts_ms=$SEEN by=$$ command=$COMMAND confidence=$CONFIDENCE via=$VIA"
    [ -z "$1" ] || out "$1" | sed '/^$/d'
  } >"$WITNESS.$$.part" && mv -f "$WITNESS.$$.part" "$WITNESS"
}

testify() {
  intent_read
  case $I_STATE in done | pending) return 0 ;; esac
  clock_check
  clock_now
  SEEN=$NOW
  [ ${#SEEN} -gt 11 ] || SEEN=${SEEN}000
  # On a busy host there may be no time for more.
  CONFIDENCE=low VIA=none
  cause_has_witness || put
  find_killer
  t_args=
  for t_killer in $KILLERS; do
    chain_of "$t_killer"
    for t_pid in $CHAIN; do t_args="$t_args${t_args:+,}$t_pid"; done
  done
  DETAILS=
  [ -z "$t_args" ] || DETAILS=$(LC_ALL=C TZ=UTC bounded ps -o pid= -o ppid= -o user= -o tty= -o lstart= -o args= -p "$t_args" | tr '\001-\011\013-\037\177' '?')
  t_processes=$(
    for t_killer in $KILLERS; do
      chain_of "$t_killer"
      t_depth=0
      for t_pid in $CHAIN; do
        describe "$t_pid" $t_depth
        t_depth=$((t_depth + 1))
      done
    done
  )
  [ -n "$t_processes" ] || CONFIDENCE=low
  earlier
  put "$t_processes
$EARLIER"
}

# leader_out: no pane of the living server has the leader of its session any more
leader_out() {
  read -r r_line <"$STATE.leader" && [ -z "$(bounded "$TMUX_BIN" -S "$SOCKET" list-panes -af "#{==:#{pane_pid},$r_line}")" ]
}

# mine: what stands there is of this witness
mine() {
  r_line=
  read -r r_line <"$WITNESS"
  case $r_line in *" by=$$ "*) ;; *) return 1 ;; esac
}

# retract: the checker. A server that answers a moment later, or lives on, has not died of it.
retract() {
  r_left=25
  while [ $r_left -gt 0 ]; do
    clock_nap 0.08
    process_check "$SERVER"
    [ "$ID_STATE" != gone ] || return 0
    [ "$(bounded "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}')" != "${SERVER%%:*}" ] || break
    r_left=$((r_left - 1))
  done
  process_check "$SERVER"
  [ "$ID_STATE" = alive ] && mine || return 0
  leader_out || rm -f "$WITNESS"
}

# within SECONDS COMMAND...: a function of ours, ended when the time is over
within() {
  n_limit=$1
  shift
  "$@" &
  n_job=$!
  (
    clock_nap "$n_limit"
    kill -KILL "$n_job"
  ) &
  n_dog=$!
  wait "$n_job"
  kill -KILL "$n_dog"
}

main() {
  exec </dev/null >/dev/null 2>&1
  set -f
  umask 077
  trap '' HUP INT QUIT TERM PIPE
  CALLED_IN=$(pwd -P)
  PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:/opt/homebrew/bin:/opt/local/bin
  STATE=$1 COMMAND=$2
  [ -r "$STATE" ] || return 0
  names_from_state
  IAPEER_LIB=$LIB
  . "$LIB/library.sh"
  unset IAPEER_LIB
  NAP_FD='' NAP_WHOLE='' NAP_SPUN=''
  clock_set "$CLOCK"
  within $LIMIT testify
  rm -f "$WITNESS.$$.part"
  mine && retract &
}

main "$@"
exit 0
