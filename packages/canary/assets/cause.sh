# shellcheck shell=sh disable=SC2034
# Cause: what a wait status or an exit code says by itself. Sourced; starts no process.

# cause_of_watch WAIT_RC -> CAUSE: the exit code of the watching client only attributes
cause_of_watch() {
  case $1 in
    0) CAUSE=signaled-server-gone ;;
    1[3-9][0-9] | 12[89] | 2[0-9][0-9]) CAUSE=client-killed-server-gone ;;
    *) CAUSE=server-vanished ;;
  esac
}

# cause_of_guard WAIT_RC -> CAUSE, SIGNAL: the wait status of the server itself; a signal outranks a witness
cause_of_guard() {
  case $1 in
    0) if cause_is_witnessed; then CAUSE=killed-by-command; else CAUSE=exited; fi ;;
    unknown) CAUSE=killed ;;
    *) if [ "$1" -lt 128 ]; then CAUSE=failed; else cause_of_signal $(($1 - 128)); fi ;;
  esac
}

# cause_of_signal NUMBER -> SIGNAL, CAUSE (signal(7) for Linux on x86 and arm, sys/signal.h for macOS)
cause_of_signal() {
  case $PLATFORM:$1 in
    *:1) SIGNAL=SIGHUP ;;
    *:2) SIGNAL=SIGINT ;;
    *:3) SIGNAL=SIGQUIT ;;
    *:4) SIGNAL=SIGILL ;;
    *:5) SIGNAL=SIGTRAP ;;
    *:6) SIGNAL=SIGABRT ;;
    *:8) SIGNAL=SIGFPE ;;
    *:9) SIGNAL=SIGKILL ;;
    *:11) SIGNAL=SIGSEGV ;;
    *:13) SIGNAL=SIGPIPE ;;
    *:14) SIGNAL=SIGALRM ;;
    *:15) SIGNAL=SIGTERM ;;
    *:21) SIGNAL=SIGTTIN ;;
    *:22) SIGNAL=SIGTTOU ;;
    *:24) SIGNAL=SIGXCPU ;;
    *:25) SIGNAL=SIGXFSZ ;;
    *:26) SIGNAL=SIGVTALRM ;;
    *:27) SIGNAL=SIGPROF ;;
    *:28) SIGNAL=SIGWINCH ;;
    darwin:7) SIGNAL=SIGEMT ;;
    darwin:10) SIGNAL=SIGBUS ;;
    darwin:12) SIGNAL=SIGSYS ;;
    darwin:16) SIGNAL=SIGURG ;;
    darwin:17) SIGNAL=SIGSTOP ;;
    darwin:18) SIGNAL=SIGTSTP ;;
    darwin:19) SIGNAL=SIGCONT ;;
    darwin:20) SIGNAL=SIGCHLD ;;
    darwin:23) SIGNAL=SIGIO ;;
    darwin:29) SIGNAL=SIGINFO ;;
    darwin:30) SIGNAL=SIGUSR1 ;;
    darwin:31) SIGNAL=SIGUSR2 ;;
    *:7) SIGNAL=SIGBUS ;;
    *:10) SIGNAL=SIGUSR1 ;;
    *:12) SIGNAL=SIGUSR2 ;;
    *:16) SIGNAL=SIGSTKFLT ;;
    *:17) SIGNAL=SIGCHLD ;;
    *:18) SIGNAL=SIGCONT ;;
    *:19) SIGNAL=SIGSTOP ;;
    *:20) SIGNAL=SIGTSTP ;;
    *:23) SIGNAL=SIGURG ;;
    *:29) SIGNAL=SIGIO ;;
    *:30) SIGNAL=SIGPWR ;;
    *:31) SIGNAL=SIGSYS ;;
    *) SIGNAL=SIG$1 ;;
  esac
  case $SIGNAL in
    SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGABRT | SIGSYS | SIGTRAP) CAUSE=crashed ;;
    *) CAUSE=killed ;;
  esac
}

# cause_is_witnessed: a kill command was seen at most two seconds before NOW. Both times are compared in two parts, for
# shells with 32 bits.
cause_is_witnessed() {
  seen_at=
  [ -r "$WITNESS" ] || return 1
  { read -r seen_word seen_at seen_rest <"$WITNESS"; } 2>/dev/null
  seen_at=${seen_at#ts_ms=}
  case $seen_at in '' | *[!0-9]*) return 1 ;; esac
  if [ ${#seen_at} -gt 11 ]; then seen_s=${seen_at%???} seen_ms=${seen_at#"${seen_at%???}"}; else seen_s=$seen_at seen_ms=000; fi
  seen_gap=$((NOW_S - seen_s))
  [ $seen_gap -le 2 ] || return 1
  [ $seen_gap -ge -60 ] || return 1
  [ $((seen_gap * 1000 + 1${NOW_MS:-000} - 1$seen_ms)) -le 2000 ]
}

# cause_of RC SYSTEM -> WAIT_RC CAUSE SIGNAL MODE RECORDER: what the line in exits.log says of them, in this MODE.
# SYSTEM (hs, ss) comes from claims of recorders before 0.2, which asked systemd before they claimed.
cause_of() {
  WAIT_RC=$1 SIGNAL='' RECORDER=$MODE
  case $1 in
    lost) WAIT_RC=unknown MODE=none RECORDER=none CAUSE=recorder-lost ;;
    boot) WAIT_RC=unknown MODE=none RECORDER=none CAUSE=host-reboot ;;
    '') WAIT_RC=unknown CAUSE=unknown ;;
    *) if [ "$MODE" = guard ]; then cause_of_guard "$1"; else cause_of_watch "$1"; fi ;;
  esac
  case $2:$CAUSE in
    *:crashed) ;;
    hs:*) CAUSE=host-shutdown ;;
    ss:*) CAUSE=service-stop ;;
  esac
}
