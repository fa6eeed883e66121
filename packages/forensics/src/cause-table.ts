// Generated from packages/canary/causes.json by packages/canary/scripts/generate.mjs: edit that file.

/** Causes that a guard records. */
export const GUARD_CAUSES = ['exited', 'killed-by-command', 'failed', 'crashed', 'killed'] as const

/** Causes that a watch records. */
export const WATCH_CAUSES = ['signaled-server-gone', 'client-killed-server-gone', 'server-vanished'] as const

/** Causes of a server death that no recorder saw. */
export const UNSEEN_CAUSES = ['recorder-lost', 'host-reboot'] as const

/** A cause in exits.log that holds more than its wait status does. */
export type ConclusiveCause =
  | 'killed-by-command'
  | 'recorder-lost'
  | 'host-reboot'
  | 'leader-removed'
  | 'host-shutdown'
  | 'service-stop'

/** A signal: its numbers, its text in tmux, shells and ps, and whether it reports a fault of the program. */
export interface SignalRow {
  readonly name: string
  readonly linux?: number
  readonly darwin?: number
  readonly text?: string
  readonly fault?: boolean
}

/** Every signal that has a name on Linux (x86, arm) or macOS. */
export const SIGNALS: readonly SignalRow[] = [
  { name: 'SIGHUP', linux: 1, darwin: 1, text: 'Hangup' },
  { name: 'SIGINT', linux: 2, darwin: 2, text: 'Interrupt' },
  { name: 'SIGQUIT', linux: 3, darwin: 3, text: 'Quit' },
  { name: 'SIGILL', linux: 4, darwin: 4, text: 'Illegal instruction', fault: true },
  { name: 'SIGTRAP', linux: 5, darwin: 5, text: 'Trace/breakpoint trap', fault: true },
  { name: 'SIGABRT', linux: 6, darwin: 6, text: 'Aborted', fault: true },
  { name: 'SIGBUS', linux: 7, darwin: 10, text: 'Bus error', fault: true },
  { name: 'SIGFPE', linux: 8, darwin: 8, text: 'Floating point exception', fault: true },
  { name: 'SIGKILL', linux: 9, darwin: 9, text: 'Killed' },
  { name: 'SIGUSR1', linux: 10, darwin: 30, text: 'User defined signal 1' },
  { name: 'SIGSEGV', linux: 11, darwin: 11, text: 'Segmentation fault', fault: true },
  { name: 'SIGUSR2', linux: 12, darwin: 31, text: 'User defined signal 2' },
  { name: 'SIGPIPE', linux: 13, darwin: 13, text: 'Broken pipe' },
  { name: 'SIGALRM', linux: 14, darwin: 14, text: 'Alarm clock' },
  { name: 'SIGTERM', linux: 15, darwin: 15, text: 'Terminated' },
  { name: 'SIGSTKFLT', linux: 16 },
  { name: 'SIGCHLD', linux: 17, darwin: 20 },
  { name: 'SIGCONT', linux: 18, darwin: 19 },
  { name: 'SIGSTOP', linux: 19, darwin: 17 },
  { name: 'SIGTSTP', linux: 20, darwin: 18 },
  { name: 'SIGTTIN', linux: 21, darwin: 21 },
  { name: 'SIGTTOU', linux: 22, darwin: 22 },
  { name: 'SIGURG', linux: 23, darwin: 16 },
  { name: 'SIGXCPU', linux: 24, darwin: 24, text: 'CPU time limit exceeded' },
  { name: 'SIGXFSZ', linux: 25, darwin: 25, text: 'File size limit exceeded' },
  { name: 'SIGVTALRM', linux: 26, darwin: 26 },
  { name: 'SIGPROF', linux: 27, darwin: 27 },
  { name: 'SIGWINCH', linux: 28, darwin: 28 },
  { name: 'SIGIO', linux: 29, darwin: 23 },
  { name: 'SIGPWR', linux: 30 },
  { name: 'SIGSYS', linux: 31, darwin: 12, text: 'Bad system call', fault: true },
  { name: 'SIGEMT', darwin: 7 },
  { name: 'SIGINFO', darwin: 29 },
]
