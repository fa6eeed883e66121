# shellcheck shell=sh disable=SC2034
# Cause table: the cause that follows from a wait status, an exit code or a claim. Generated from packages/canary/causes.json by
# packages/canary/scripts/generate.mjs: edit that file. Sourced; starts no process.

# cause_decide_watch WAIT_RC -> CAUSE: from the exit code of the watching client
cause_decide_watch() {
  case $1 in
    0) CAUSE=signaled-server-gone ;;
    1[3-9][0-9] | 12[89] | 2[0-9][0-9]) CAUSE=client-killed-server-gone ;;
    *) CAUSE=server-vanished ;;
  esac
}

# cause_decide_guard WAIT_RC -> CAUSE, SIGNAL: from the wait status of the server; a signal outranks a witness
cause_decide_guard() {
  case $1 in
    0) if cause_has_witness; then CAUSE=killed-by-command; else CAUSE=exited; fi ;;
    unknown) CAUSE=killed ;;
    *) if [ "$1" -lt 128 ]; then CAUSE=failed; else cause_decide_signal $(($1 - 128)); fi ;;
  esac
}

# cause_decide_signal NUMBER -> SIGNAL, CAUSE (signal(7) for Linux on x86 and arm, sys/signal.h for macOS)
cause_decide_signal() {
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
    darwin:10) SIGNAL=SIGBUS ;;
    darwin:30) SIGNAL=SIGUSR1 ;;
    darwin:31) SIGNAL=SIGUSR2 ;;
    darwin:20) SIGNAL=SIGCHLD ;;
    darwin:19) SIGNAL=SIGCONT ;;
    darwin:17) SIGNAL=SIGSTOP ;;
    darwin:18) SIGNAL=SIGTSTP ;;
    darwin:16) SIGNAL=SIGURG ;;
    darwin:23) SIGNAL=SIGIO ;;
    darwin:12) SIGNAL=SIGSYS ;;
    darwin:7) SIGNAL=SIGEMT ;;
    darwin:29) SIGNAL=SIGINFO ;;
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
    SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGSYS) CAUSE=crashed ;;
    *) CAUSE=killed ;;
  esac
}

# cause_decide RC SYSTEM -> WAIT_RC CAUSE SIGNAL MODE RECORDER: the fields of the line in exits.log, for this MODE.
# SYSTEM (hs, ss) comes from claims of recorders of format 1, which asked systemd before the claim.
cause_decide() {
  WAIT_RC=$1 SIGNAL='' RECORDER=$MODE
  case $1 in
    lost) WAIT_RC=unknown MODE=none RECORDER=none CAUSE=recorder-lost ;;
    boot) WAIT_RC=unknown MODE=none RECORDER=none CAUSE=host-reboot ;;
    '') WAIT_RC=unknown CAUSE=unknown ;;
    *) if [ "$MODE" = guard ]; then cause_decide_guard "$1"; else cause_decide_watch "$1"; fi ;;
  esac
  case $2:$CAUSE in
    *:crashed) ;;
    hs:*) CAUSE=host-shutdown ;;
    ss:*) CAUSE=service-stop ;;
  esac
}
