# shellcheck shell=sh disable=SC1091,SC2034,SC2153
# Record: the end of a watch over a server; decide between silence and a record, and write the record once. Sourced.
#
# Inputs   IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER=<pid>:<token> IAPEER_RECORD_DIR IAPEER_STATE_DIR
#          IAPEER_LIB (folder of these scripts) IAPEER_PLATFORM (linux | darwin) IAPEER_BOOT (at arming)
#          IAPEER_RECORDER=<pid>:<token> (settle.sh: the recorder that is thought to be gone)
# Outputs  the claim, the line in exits.log, and through snapshot.sh the snapshot; or nothing at all

settle_names() {
  IDENTITY=$IAPEER_IDENTITY GEN=$IAPEER_GEN SERVER=$IAPEER_SERVER LIB=$IAPEER_LIB
  RECORD_DIR=$IAPEER_RECORD_DIR STATE_DIR=$IAPEER_STATE_DIR PLATFORM=${IAPEER_PLATFORM:-linux} ARMED_BOOT=$IAPEER_BOOT
  KNOWN_RECORDER=${IAPEER_RECORDER:-} MODE=watch
  unset IAPEER_IDENTITY IAPEER_GEN IAPEER_SERVER IAPEER_LIB IAPEER_RECORD_DIR IAPEER_STATE_DIR IAPEER_PLATFORM IAPEER_BOOT IAPEER_RECORDER
  SERVER_PID=${SERVER%%:*} SERVER_TOKEN=${SERVER#*:}
  STATE=$STATE_DIR/canary/$IDENTITY-$GEN
  BASELINE=$STATE.baseline
  INTENT=$STATE_DIR/intent/$IDENTITY-$GEN
  DEATHS=$RECORD_DIR/server-deaths
  CLAIM=$DEATHS/$IDENTITY-$GEN.claim
  SNAPSHOT=$DEATHS/$IDENTITY-$GEN.txt
  WITNESS=$DEATHS/$IDENTITY-$GEN.witness
  proc_look $$
  SELF=$$:${P_TOKEN:--}
}

# now -> NOW, epoch milliseconds (13 digits), or seconds where `date` has no fractions
now() {
  NOW=$(date +%s%3N 2>/dev/null)
  case $NOW in '' | *[!0-9]*) NOW=$(date +%s) ;; esac
}

# iso NOW -> ISO, UTC (days to date: proleptic Gregorian, eras of 400 years that begin in March)
iso() {
  t_s=$1 t_ms=
  if [ ${#1} -gt 11 ]; then
    t_s=${1%???}
    t_ms=.${1#"$t_s"}
  fi
  t_z=$((t_s / 86400 + 719468)) t_d=$((t_s % 86400))
  t_era=$((t_z / 146097)) t_doe=$((t_z % 146097))
  t_yoe=$(((t_doe - t_doe / 1460 + t_doe / 36524 - t_doe / 146096) / 365))
  t_doy=$((t_doe - (365 * t_yoe + t_yoe / 4 - t_yoe / 100)))
  t_mp=$(((5 * t_doy + 2) / 153))
  t_m=$((t_mp < 10 ? t_mp + 3 : t_mp - 9))
  t_y=$((t_yoe + t_era * 400 + (t_m <= 2)))
  ISO=$t_y
  iso_part - "$t_m"
  iso_part - $((t_doy - (153 * t_mp + 2) / 5 + 1))
  iso_part T $((t_d / 3600))
  iso_part : $((t_d % 3600 / 60))
  iso_part : $((t_d % 60))
  ISO=$ISO${t_ms}Z
}

# No command substitution here: a record is made with two processes, `date` and `ln`.
iso_part() { if [ "$2" -lt 10 ]; then ISO=$ISO${1}0$2; else ISO=$ISO$1$2; fi; }

# quote VALUE -> Q, the value as logfmt writes it (callers pass no control characters)
quote() {
  Q=$1
  case $1 in *[[:space:]\"=]*) ;; *) return 0 ;; esac
  q_rest=$1 Q=
  while [ -n "$q_rest" ]; do
    q_tail=${q_rest#?}
    q_one=${q_rest%"$q_tail"}
    q_rest=$q_tail
    case $q_one in \" | \\) Q="$Q\\$q_one" ;; *) Q=$Q$q_one ;; esac
  done
  Q="\"$Q\""
}

# log_state STATE ORIGIN [REASON]: one canary line in lifecycle.log; a failure to log changes nothing
log_state() {
  now
  iso "$NOW"
  { printf 'ts=%s ev=canary identity=%s gen=%s state=%s origin=%s%s\n' \
    "$ISO" "$IDENTITY" "$GEN" "$1" "$2" "${3:+ reason=$3}" >>"$RECORD_DIR/lifecycle.log"; } 2>/dev/null
}

# take_lease PREFIX: links PREFIX1, PREFIX2 ... -> <pid>:<token>; the highest names the holder. A dead holder is
# succeeded by the next number, so there is no moment with two of them. 0 taken (LEASE_N), 1 held (HOLDER), 2 cannot.
take_lease() {
  LEASE_N=1
  while :; do
    while [ -h "$1$((LEASE_N + 1))" ]; do LEASE_N=$((LEASE_N + 1)); done
    if [ -h "$1$LEASE_N" ]; then
      HOLDER=$(readlink "$1$LEASE_N") || { LEASE_N=1; continue; }
      id_look "$HOLDER"
      [ "$ID_STATE" = gone ] || return 1
      LEASE_N=$((LEASE_N + 1))
    fi
    ln -s "$SELF" "$1$LEASE_N" 2>/dev/null && return 0
    [ -h "$1$LEASE_N" ] || return 2
  done
}

# drop_leases PREFIX: removes the chain; for its holder, when all is done
drop_leases() {
  d_n=1
  while [ -h "$1$d_n" ]; do
    rm -f "$1$d_n"
    d_n=$((d_n + 1))
  done
}

# read_intent -> I_STATE none | done | pending | abandoned. Every declarer has a file of its own ($INTENT, $INTENT.2,
# ...); one that is done outranks one that is pending, and that one outranks one whose declarer is dead or too late.
read_intent() {
  I_STATE=none i_file=$INTENT i_n=1
  while [ -e "$i_file" ]; do
    read_one_intent "$i_file"
    case $i_state:$I_STATE in
      'done':*) I_STATE='done' ;;
      pending:none | pending:abandoned) I_STATE=pending ;;
      abandoned:none) I_STATE=abandoned ;;
    esac
    i_n=$((i_n + 1))
    i_file=$INTENT.$i_n
  done
}

# read_one_intent FILE -> i_state done | pending | abandoned | withdrawn
read_one_intent() {
  i_state='' i_declarer='' i_until=
  {
    while IFS='=' read -r i_key i_value; do
      case $i_key in
        state) i_state=$i_value ;;
        declarer) i_declarer=$i_value ;;
        until) i_until=$i_value ;;
      esac
    done <"$1"
  } 2>/dev/null
  [ "$i_state" = pending ] || return 0
  id_look "$i_declarer"
  if [ "$ID_STATE" = gone ]; then
    i_state=abandoned
  elif [ -n "$i_until" ] && [ "$(date +%s)" -gt "$i_until" ]; then
    i_state=abandoned
  fi
}

# forget: this generation is settled. The state file goes first: whoever finds no intent then looks whether
# the state is still there before it claims.
forget() {
  forget_watch
  i_n=1
  rm -f "$INTENT"
  while
    i_n=$((i_n + 1))
    [ -e "$INTENT.$i_n" ]
  do rm -f "$INTENT.$i_n"; done
}

# forget_watch: the watch is over; what a declarer has written is not ours to remove. The lease goes last and alone:
# from then on all names here may belong to a successor.
forget_watch() {
  set +f
  rm -f "$STATE" "$STATE.baseline" "$STATE.dismiss" "$STATE.socket" "$STATE.hook" "$STATE.leader" "$STATE".*.part "$STATE".*.pipe "$STATE".*.out
  set -f
  drop_leases "$STATE.lease"
}

# watch_cause WAIT_RC -> CAUSE: the exit code of the watching client only attributes
watch_cause() {
  case $1 in
    0) CAUSE=signaled-server-gone ;;
    1[3-9][0-9] | 12[89] | 2[0-9][0-9]) CAUSE=client-killed-server-gone ;;
    *) CAUSE=server-vanished ;;
  esac
}

# guard_cause WAIT_RC -> CAUSE, SIGNAL: the wait status of the server itself; a signal outranks a witness
guard_cause() {
  case $1 in
    0) if witnessed; then CAUSE=killed-by-command; else CAUSE=exited; fi ;;
    unknown) CAUSE=killed ;;
    *) if [ "$1" -lt 128 ]; then CAUSE=failed; else signal_cause $(($1 - 128)); fi ;;
  esac
}

signal_cause() {
  case $PLATFORM:$1 in
    *:9) SIGNAL=SIGKILL ;;
    *:11) SIGNAL=SIGSEGV ;;
    *:6) SIGNAL=SIGABRT ;;
    *:4) SIGNAL=SIGILL ;;
    *:5) SIGNAL=SIGTRAP ;;
    *:8) SIGNAL=SIGFPE ;;
    *:15) SIGNAL=SIGTERM ;;
    linux:7 | darwin:10) SIGNAL=SIGBUS ;;
    linux:31 | darwin:12) SIGNAL=SIGSYS ;;
    *)
      SIGNAL=$(kill -l "$1" 2>/dev/null)
      SIGNAL=SIG${SIGNAL:-$1}
      ;;
  esac
  case $SIGNAL in
    SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGABRT | SIGSYS | SIGTRAP) CAUSE=crashed ;;
    *) CAUSE=killed ;;
  esac
}

# witnessed: a kill command was seen at most two seconds before NOW (epoch milliseconds, or seconds)
witnessed() {
  w_seen=
  [ -r "$WITNESS" ] || return 1
  { read -r w_word w_seen w_rest <"$WITNESS"; } 2>/dev/null
  w_seen=${w_seen#ts_ms=}
  case $w_seen in '' | *[!0-9]*) return 1 ;; esac
  w_now=$NOW
  [ ${#w_now} -gt 11 ] || w_now=${w_now}000
  [ $((w_now - w_seen)) -le 2000 ]
}

# system_cause -> SYSTEM hs (host shutdown) | ss (service stop) | empty; asks systemd only where it runs the host
system_cause() {
  SYSTEM=
  [ -d "${SYSTEMD_DIR:-/run/systemd/system}" ] || return 0
  if [ "$(bounded systemctl is-system-running)" = stopping ]; then
    SYSTEM=hs
    return 0
  fi
  baseline_unit
  [ -n "$UNIT" ] || return 0
  case $(bounded systemctl "$UNIT_SCOPE" show -p ActiveState --value -- "$UNIT") in deactivating) SYSTEM=ss ;; esac
}

# write_claim WAIT_RC -> 0 this death is ours to write, 1 somebody has claimed it, 2 cannot be claimed.
# Under 60 bytes: ext4 keeps such a link in its inode, so it is possible on a full disk.
write_claim() {
  now
  MODE_MARK=
  [ "$MODE" != guard ] || MODE_MARK=,m=g
  [ -d "$DEATHS" ] || mkdir -p "$DEATHS" 2>/dev/null
  ln -s "rc=$1,ev=server,rec=$SELF,ts=$NOW$MODE_MARK${SYSTEM:+,c=$SYSTEM}" "$CLAIM" 2>/dev/null && return 0
  [ -h "$CLAIM" ] && return 1
  return 2
}

# write_line: the facts in WAIT_RC CAUSE MODE RECORDER NOW become one line of exits.log
write_line() {
  iso "$NOW"
  quote "$SNAPSHOT"
  { printf 'ts=%s ev=server-exit identity=%s gen=%s server_pid=%s server_start=%s wait_rc=%s cause=%s%s mode=%s recorder=%s forensics=%s\n' \
    "$ISO" "$IDENTITY" "$GEN" "$SERVER_PID" "$SERVER_TOKEN" "$WAIT_RC" "$CAUSE" "${SIGNAL:+ signal=$SIGNAL}" "$MODE" "$RECORDER" "$Q" \
    >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

# facts_of WAIT_RC SYSTEM: what the line says of them, in this MODE
facts_of() {
  WAIT_RC=$1 SIGNAL='' RECORDER=$MODE
  case $1 in
    lost) WAIT_RC=unknown MODE=none RECORDER=none CAUSE=recorder-lost ;;
    boot) WAIT_RC=unknown MODE=none RECORDER=none CAUSE=host-reboot ;;
    *) if [ "$MODE" = guard ]; then guard_cause "$1"; else watch_cause "$1"; fi ;;
  esac
  case $2:$CAUSE in
    *:crashed) ;;
    hs:*) CAUSE=host-shutdown ;;
    ss:*) CAUSE=service-stop ;;
  esac
}

# heal_torn_line: a torn last line must not swallow ours; the shell drops a final newline, so one byte left is text
heal_torn_line() {
  [ -z "$(tail -c 1 "$RECORD_DIR/exits.log" 2>/dev/null)" ] || { echo >>"$RECORD_DIR/exits.log"; } 2>/dev/null
}

# record WAIT_RC -> claim, line, snapshot, in this order, each once however often it is called.
# 0 recorded, 1 somebody else does it, 2 something could not be written (call again)
record() {
  if [ -z "${CLAIMED:-}" ]; then
    SYSTEM=
    case $MODE:$1 in *:lost | *:boot | watch:1 | guard:139 | guard:134) ;; *) system_cause ;; esac
    write_claim "$1" || return $?
    CLAIMED=1
    facts_of "$1" "$SYSTEM"
    write_line && LINED=1
  fi
  [ -n "${LINED:-}" ] || { heal_torn_line && write_line && LINED=1; } || return 2
  write_snapshot || return 2
  forget
}

server_gone() {
  id_look "$SERVER"
  [ "$ID_STATE" = gone ]
}

# The marker names the recorder it is meant for: one that was left behind dismisses nobody else.
dismissed() {
  m_for=
  [ -e "$STATE.dismiss" ] || return 1
  { read -r m_for <"$STATE.dismiss"; } 2>/dev/null
  [ "$m_for" = "$SELF" ]
}

tell() {
  echo "$*"
  exec >/dev/null
}

missing_tool() {
  for m_tool in date ln mv rm sed sleep readlink cat; do
    has "$m_tool" || return 0
  done
  return 1
}

# finish_session: a claim of the exit hook's is finished by its own script
finish_session() { case $(readlink "$CLAIM") in *ev=session*) exec /bin/sh "$STATE.hook" "$STATE" ;; esac; }

# settle RC: the original server is gone. A pending intent holds the decision until it is done, withdrawn or abandoned.
settle() {
  finish_session
  read_intent
  settle_seen=$I_STATE
  while [ "$I_STATE" = pending ]; do
    nap 0.05
    read_intent
  done
  case $settle_seen:$I_STATE in
    *:done | pending:abandoned)
      forget
      return 0
      ;;
    abandoned:*) log_state intent-withdrawn self abandoned ;;
  esac
  # A folder that is full or read-only may be mended; after that time the claim, if there is one, is completed by reconcile.
  record_left=300
  until record "$1"; do
    if [ $? -ne 2 ] || [ $record_left -eq 0 ]; then
      finish_session
      return 0
    fi
    record_left=$((record_left - 1))
    nap 1
  done
}
