/** Linux numbers (signal(7)) and the texts that tmux, shells and ps print for them. */
const SIGNALS: readonly (readonly [number: number, name: string, text: string])[] = [
  [1, 'SIGHUP', 'Hangup'],
  [2, 'SIGINT', 'Interrupt'],
  [3, 'SIGQUIT', 'Quit'],
  [4, 'SIGILL', 'Illegal instruction'],
  [5, 'SIGTRAP', 'Trace/breakpoint trap'],
  [6, 'SIGABRT', 'Aborted'],
  [7, 'SIGBUS', 'Bus error'],
  [8, 'SIGFPE', 'Floating point exception'],
  [9, 'SIGKILL', 'Killed'],
  [10, 'SIGUSR1', 'User defined signal 1'],
  [11, 'SIGSEGV', 'Segmentation fault'],
  [12, 'SIGUSR2', 'User defined signal 2'],
  [13, 'SIGPIPE', 'Broken pipe'],
  [14, 'SIGALRM', 'Alarm clock'],
  [15, 'SIGTERM', 'Terminated'],
  [24, 'SIGXCPU', 'CPU time limit exceeded'],
  [25, 'SIGXFSZ', 'File size limit exceeded'],
  [31, 'SIGSYS', 'Bad system call'],
]

/** Numbers that differ on macOS (sys/signal.h). */
const DARWIN: Readonly<Record<number, string>> = { 10: 'SIGBUS', 12: 'SIGSYS', 30: 'SIGUSR1', 31: 'SIGUSR2' }

/** Signals that mean the program itself broke. */
const FAULTS: ReadonlySet<string> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGILL',
  'SIGFPE',
  'SIGABRT',
  'SIGSYS',
  'SIGTRAP',
])

function ofNumber(number: number, platform: string): string {
  const named = platform === 'darwin' ? DARWIN[number] : undefined
  return named ?? SIGNALS.find(([known]) => known === number)?.[1] ?? `SIG${number}`
}

/** What a system may call one that is not in the list: `SIGEMT`, `Real-time signal 3`. */
const NAME = /^[A-Za-z][\w +/-]{1,40}$/

/** `9`, `KILL`, `SIGKILL`, `Killed` and `Killed: 9` are all `SIGKILL`; undefined for what is no name of a signal. */
export function canonicalSignal(text: string, platform = 'linux'): string | undefined {
  const word = text.trim().replace(/: \d{1,3}$/, '')
  if (word === '') return undefined
  if (/^\d{1,3}$/.test(word)) return Number(word) === 0 ? undefined : ofNumber(Number(word), platform)
  const lower = word.toLowerCase()
  const found = SIGNALS.find(([, name, said]) =>
    [name.toLowerCase(), name.slice(3).toLowerCase(), said.toLowerCase()].includes(lower),
  )
  return found?.[1] ?? (NAME.test(word) ? word : undefined)
}

/** The signal in a wait status as a shell gives it (128 + number); undefined when it ended by exiting. */
export function signalOfWaitStatus(status: number, platform = 'linux'): string | undefined {
  return status > 128 && status < 256 ? ofNumber(status - 128, platform) : undefined
}

export const isFault = (signal: string): boolean => FAULTS.has(signal)
