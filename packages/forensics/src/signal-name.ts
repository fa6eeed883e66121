import { SIGNALS, type SignalRow } from './cause-table.ts'

const numberOn = (row: SignalRow, platform: string): number | undefined =>
  platform === 'darwin' ? row.darwin : row.linux

function ofNumber(number: number, platform: string): string {
  return SIGNALS.find((row) => numberOn(row, platform) === number)?.name ?? `SIG${number}`
}

/** What a system may call one that is not in the list: `SIGEMT`, `Real-time signal 3`. */
const NAME = /^[A-Za-z][\w +/-]{1,40}$/

/** `9`, `KILL`, `SIGKILL`, `Killed` and `Killed: 9` are all `SIGKILL`; undefined for what is no name of a signal. */
export function canonicalSignal(text: string, platform = 'linux'): string | undefined {
  const word = text.trim().replace(/: \d{1,3}$/, '')
  if (word === '') return undefined
  if (/^\d{1,3}$/.test(word)) return Number(word) === 0 ? undefined : ofNumber(Number(word), platform)
  const lower = word.toLowerCase()
  const found = SIGNALS.find(({ name, text: said }) =>
    [name.toLowerCase(), name.slice(3).toLowerCase(), said?.toLowerCase()].includes(lower),
  )
  return found?.name ?? (NAME.test(word) ? word : undefined)
}

/** The signal in a wait status as a shell gives it (128 + number); undefined when it ended by exiting. */
export function signalOfWaitStatus(status: number, platform = 'linux'): string | undefined {
  return status > 128 && status < 256 ? ofNumber(status - 128, platform) : undefined
}

/** Whether a signal reports a fault of the program itself. */
export const isFault = (signal: string): boolean =>
  SIGNALS.some(({ name, fault }) => name === signal && fault === true)
