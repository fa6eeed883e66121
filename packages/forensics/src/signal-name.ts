import { SIGNALS, type SignalRow } from './cause-table.ts'

const numberOn = (row: SignalRow, platform: string): number | undefined =>
  platform === 'darwin' ? row.darwin : row.linux

function ofNumber(number: number, platform: string): string {
  return SIGNALS.find((row) => numberOn(row, platform) === number)?.name ?? `SIG${number}`
}

/** The form of a signal name that is not in the table: `Real-time signal 3`. */
const NAME = /^[A-Za-z][\w +/-]{1,40}$/

/**
 * Returns the canonical name of a signal: `SIGKILL` for `9`, `KILL`, `SIGKILL`, `Killed` and `Killed: 9`; undefined if the
 * text is not the name of a signal.
 */
export function canonicalSignal(text: string, platform = 'linux'): string | undefined {
  const word = text.trim().replace(/: \d{1,3}$/, '')
  if (word === '') return undefined
  if (/^\d{1,3}$/.test(word)) return Number(word) === 0 ? undefined : ofNumber(Number(word), platform)
  const lower = word.toLowerCase()
  const found = SIGNALS.find(({ name, text: description }) =>
    [name.toLowerCase(), name.slice(3).toLowerCase(), description?.toLowerCase()].includes(lower),
  )
  return found?.name ?? (NAME.test(word) ? word : undefined)
}

/** Returns the signal in a wait status in the shell's form (128 + number); undefined if the process exited. */
export function signalOfWaitStatus(status: number, platform = 'linux'): string | undefined {
  return status > 128 && status < 256 ? ofNumber(status - 128, platform) : undefined
}

/**
 * Returns the signal that an exit code above 128 stands for by the convention of shells; undefined for other codes and for
 * signals that do not end a process or have no name.
 */
export function codedSignal(exitCode: number, platform = 'linux'): string | undefined {
  const name = signalOfWaitStatus(exitCode, platform)
  const row = SIGNALS.find((one) => one.name === name)
  return row?.text === undefined ? undefined : row.name
}

/** Returns whether a signal reports a fault of the program itself. */
export const isFault = (signal: string): boolean =>
  SIGNALS.some(({ name, fault }) => name === signal && fault === true)

const TERMINATIONS: ReadonlySet<string> = new Set(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'])

/** Returns whether a signal asks a process to exit. */
export const isTermination = (signal: string): boolean => TERMINATIONS.has(signal)
