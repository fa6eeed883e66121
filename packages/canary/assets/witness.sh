#!/bin/sh
# shellcheck disable=SC1091,SC2015,SC2034,SC2086,SC2153,SC2317
# Witness: who runs a tmux command that kills. Runs in the foreground before the command, while its client still lives.
#
# Arguments  STATE (path of the guard's state file) COMMAND (kill-server, kill-session, ...)
# Output     nothing, ever (anything else would disturb a pane); server-deaths/<identity>-<gen>.witness
# Exit       0, within a second, whatever happens
#
# The server itself says which client the command is from: its message log, read over a read-only control client, names
# `client-<pid>` or a terminal. Never by matching the text of processes. Where it cannot be told, the clients are listed
# as candidates. A command that leaves the server alive leaves no witness: a checker takes it away again.

LIMIT=0.9

names_from_state() {
  while IFS='=' read -r k_key k_value; do
    case $k_key in
      server) SERVER=$k_value ;;
      socket) SOCKET=$k_value ;;
      tmux) TMUX_BIN=$k_value ;;
      lib) LIB=$k_value ;;
      record_dir) RECORD_DIR=$k_value ;;
      path) PATH=$k_value ;;
    esac
  done <"$STATE"
  k_base=${STATE##*/}
  GEN=${k_base##*-} IDENTITY=${k_base%-*}
  INTENT=${STATE%/canary/*}/intent/$k_base
  WITNESS=$RECORD_DIR/server-deaths/$k_base.witness
}

# ask_server -> CLIENT_NAME of the newest logged call of this very witness, BY_KEY when it was a key binding,
# CLIENTS: the attached ones, lines `name pid`
ask_server() {
  CLIENT_NAME='' CLIENTS='' BY_KEY=
  # A control client leaves at the end of its input, before it has answered: give it an input that never ends.
  a_pipe=$WITNESS.$$.pipe
  mkfifo -m 600 "$a_pipe" || return 0
  command exec 3<>"$a_pipe"
  rm -f "$a_pipe"
  a_text=$("$TMUX_BIN" -S "$SOCKET" -C attach-session -E -r -f ignore-size,no-output \; \
    list-clients -F 'witness-client #{client_name} #{client_pid}' \; show-messages \; detach-client <&3 3>&-)
  exec 3>&-
  a_mark="#{q:IAPEER_WITNESS_STATE} $COMMAND"
  while read -r a_line; do
    case $a_line in
      'witness-client '*) CLIENTS="$CLIENTS${a_line#witness-client }
" ;;
      *' command: run-shell '*"$a_mark"* | *' key '*': run-shell '*"$a_mark"*)
        [ -z "$CLIENT_NAME" ] || continue
        CLIENT_NAME=${a_line#* }
        CLIENT_NAME=${CLIENT_NAME%% *}
        case $a_line in *' key '*': run-shell '*) BY_KEY=1 ;; esac
        ;;
    esac
  done <<EOF
$a_text
EOF
}

# find_killer -> KILLERS (pids), CONFIDENCE high | low
find_killer() {
  KILLERS='' CONFIDENCE=low
  case $CLIENT_NAME in
    client-*) KILLERS=${CLIENT_NAME#client-} ;;
    /dev/*)
      attached_on "$CLIENT_NAME"
      if [ -n "$BY_KEY" ]; then KILLERS=$VIEWER; else clients_on "${CLIENT_NAME#/dev/}"; fi
      # Somebody who has put the viewer aside and typed a command on its terminal: not the viewer.
      case $KILLERS in "$VIEWER "*) KILLERS=${KILLERS#* } ;; *" $VIEWER") KILLERS=${KILLERS% *} ;; esac
      ;;
    *) clients_on '' ;;
  esac
  case $KILLERS in '' | *' '*) ;; *) CONFIDENCE=high ;; esac
}

# attached_on NAME -> VIEWER: the pid of the client that is attached under that name
attached_on() {
  VIEWER=none
  while read -r f_name f_pid; do
    [ "$f_name" != "$1" ] || VIEWER=$f_pid
  done <<EOF
$CLIENTS
EOF
}

# clients_on TTY -> KILLERS: processes of the server's own executable, on that terminal or anywhere; not ours, not the server
clients_on() {
  c_list=$(bounded ps -A -o pid= -o ppid= -o tty= -o comm=)
  while read -r c_pid c_ppid c_tty c_comm; do
    case ${c_comm##*/} in tmux*) ;; *) continue ;; esac
    [ "$c_pid" != "${SERVER%%:*}" ] && [ "$c_ppid" != "$$" ] || continue
    [ -z "$1" ] || [ "$c_tty" = "$1" ] || continue
    KILLERS="$KILLERS${KILLERS:+ }$c_pid"
  done <<EOF
$c_list
EOF
}

# chain_of PID -> CHAIN: the process and its ancestors, nearest first, at most ten
chain_of() {
  CHAIN='' h_pid=$1 h_left=10
  while [ "${h_pid:-0}" -gt 0 ] && [ $h_left -gt 0 ]; do
    CHAIN="$CHAIN${CHAIN:+ }$h_pid"
    proc_look "$h_pid"
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
  set --  "$1" "$2" "$(printf '%s\n' "$DETAILS" | sed -n "s/^ *$1  *//p" | sed 1q)"
  d_pid=$1 d_depth=$2
  # shellcheck disable=SC2086 # the words are the fields: ppid user tty start(5) args...
  set -- $3
  if [ $# -ge 9 ]; then
    d_head="ppid=$1 user=$2 tty=$3 start=$4_$5_$6_$7_$8"
    shift 8
  else
    proc_look "$d_pid"
    [ "$P_STATE" != gone ] || return 0
    d_head="ppid=$P_PPID user= tty= start=$P_TOKEN"
    # shellcheck disable=SC2046 # the words are the arguments
    set -- $(tr '\000' ' ' <"/proc/$d_pid/cmdline" 2>/dev/null)
  fi
  clean_command "$@"
  quote "$COMMAND_TEXT"
  printf 'process pid=%s depth=%s %s command=%s\n' "$d_pid" "$d_depth" "$d_head" "$Q"
}

testify() {
  ask_server
  find_killer
  t_all=''
  for t_killer in $KILLERS; do
    chain_of "$t_killer"
    t_all="$t_all $CHAIN"
  done
  # shellcheck disable=SC2086 # one -p a pid
  set -- $t_all
  t_args=
  for t_pid in "$@"; do t_args="$t_args${t_args:+,}$t_pid"; done
  DETAILS=
  [ -z "$t_args" ] || DETAILS=$(LC_ALL=C TZ=UTC bounded ps -o pid= -o ppid= -o user= -o tty= -o lstart= -o args= -p "$t_args" | tr '\001-\011\013-\037\177' '?')
  {
    printf 'witness ts_ms=%s by=%s command=%s confidence=%s client=%s\n' "$SEEN" "$$" "$COMMAND" "$CONFIDENCE" "${CLIENT_NAME:-unknown}"
    for t_killer in $KILLERS; do
      chain_of "$t_killer"
      t_depth=0
      for t_pid in $CHAIN; do
        describe "$t_pid" $t_depth
        t_depth=$((t_depth + 1))
      done
    done
  } >"$WITNESS.$$.part" && mv -f "$WITNESS.$$.part" "$WITNESS"
  retract &
}

# retract: the checker. When the killing client is gone and the server still answers, nothing died of it.
retract() {
  r_left=150
  proc_look "${KILLERS%% *}"
  r_id=${KILLERS%% *}:$P_TOKEN
  while [ $r_left -gt 0 ]; do
    id_look "$r_id"
    [ "$ID_STATE" = alive ] || break
    nap 0.01
    r_left=$((r_left - 1))
  done
  [ -n "$KILLERS" ] || nap 0.1
  [ "$(bounded "$TMUX_BIN" -S "$SOCKET" display-message -p '#{pid}')" = "${SERVER%%:*}" ] || return 0
  r_line=
  read -r r_line <"$WITNESS"
  case $r_line in *" by=$$ "*) rm -f "$WITNESS" ;; esac
}

# within SECONDS COMMAND...: a function of ours, ended when the time is over
within() {
  n_limit=$1
  shift
  "$@" &
  n_job=$!
  (
    nap "$n_limit"
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
  PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:/opt/homebrew/bin:/opt/local/bin
  STATE=$1 COMMAND=$2
  [ -r "$STATE" ] || return 0
  names_from_state
  . "$LIB/process.sh"
  . "$LIB/settle.sh"
  . "$LIB/snapshot.sh"
  read_intent
  case $I_STATE in done | pending) return 0 ;; esac
  now
  SEEN=$NOW
  [ ${#SEEN} -gt 11 ] || SEEN=${SEEN}000
  within $LIMIT testify
  rm -f "$WITNESS.$$.part" "$WITNESS.$$.pipe"
}

main "$@"
exit 0
