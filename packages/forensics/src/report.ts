import { canonicalSignal } from './signal-name.ts'

/** A process in a jetsam report. */
interface JetsamProcess {
  readonly pid: number
  readonly name: string
  readonly bytes: number | undefined
  /** Why it was killed; undefined for processes that the report only lists. */
  readonly reason: string | undefined
}

/** A crash report or a jetsam report of macOS. */
export type Report =
  | {
      readonly kind: 'crash'
      readonly file: string
      readonly app: string
      /** Undefined if the body of the report is missing. */
      readonly pid: number | undefined
      readonly signal: string | undefined
      readonly exception: string | undefined
      readonly termination: string | undefined
      /** As written, with its zone. */
      readonly at: string | undefined
    }
  | {
      readonly kind: 'jetsam'
      readonly file: string
      readonly largest: string | undefined
      readonly killed: readonly JetsamProcess[]
      readonly at: string | undefined
    }

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function json(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined
const recordOf = (value: unknown): Json => (isRecord(value) ? value : {})

/** The bug type of jetsam reports. Apple's other types: 109 and 309 crash, 385 and others an exit without a crash. */
const JETSAM = '298'

function jetsam(file: string, head: Json, body: Json): Report {
  const pageSize = numberOf(recordOf(body['memoryStatus'])['pageSize']) ?? 16_384
  const processes = Array.isArray(body['processes']) ? body['processes'].filter(isRecord) : []
  const killed = processes.flatMap((one): JetsamProcess[] => {
    const [pid, name, reason] = [numberOf(one['pid']), textOf(one['name']) ?? '?', textOf(one['reason'])]
    const pages = numberOf(one['rpages'])
    if (pid === undefined || reason === undefined) return []
    return [{ pid, name, reason, bytes: pages === undefined ? undefined : pages * pageSize }]
  })
  const at = textOf(body['date']) ?? textOf(head['timestamp'])
  return { kind: 'jetsam', file, largest: textOf(body['largestProcess']), killed, at }
}

/** A report adds the reason in brackets: `SIGKILL (Code Signature Invalid)`. */
const signalWord = (text = ''): string => text.slice(0, 100).replace(/ \(.*\)$/, '')

function crash(file: string, head: Json, body: Json): Report {
  const exception = recordOf(body['exception'])
  const end = recordOf(body['termination'])
  const termination = [textOf(end['namespace']), textOf(end['indicator'])].filter(
    (word) => word !== undefined,
  )
  return {
    kind: 'crash',
    file,
    app: textOf(body['procName']) ?? textOf(head['app_name']) ?? textOf(head['name']) ?? '?',
    pid: numberOf(body['pid']),
    signal: canonicalSignal(signalWord(textOf(exception['signal'])), 'darwin'),
    exception: textOf(exception['type']),
    termination: termination.length === 0 ? undefined : termination.join(', '),
    at: textOf(body['captureTime']) ?? textOf(head['timestamp']),
  }
}

/** Parses the older text format (`.crash`, before macOS 12). */
function oldCrash(file: string, text: string): Report | undefined {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]+(\\S.*)$`, 'm').exec(text)?.[1]?.trim()
  const [, app, pid] = /^(.{1,64}) \[(\d{1,10})\]$/.exec(value('Process') ?? '') ?? []
  if (app === undefined) return undefined
  const [, type, signal] = /^(\S+)(?: \((\w+)(?: \(.*?\))?\))?/.exec(value('Exception Type') ?? '') ?? []
  return {
    kind: 'crash',
    file,
    app,
    pid: Number(pid),
    signal: canonicalSignal(signalWord(signal), 'darwin'),
    exception: type,
    termination: value('Termination Reason') ?? value('Termination Signal'),
    at: value('Date/Time'),
  }
}

/**
 * Parses one report of macOS: JetsamEvent or crash `.ips` (a line of JSON, then JSON), or the older `.crash` text.
 * The first line alone is enough for the name of the program. Never throws; returns undefined for anything else.
 */
export function parseReport(file: string, text: string): Report | undefined {
  const end = text.indexOf('\n')
  const head = json(end < 0 ? text : text.slice(0, end))
  if (head === undefined) return oldCrash(file, text)
  const body = (end < 0 ? undefined : json(text.slice(end + 1))) ?? {}
  const isJetsam = head['bug_type'] === JETSAM || /^JetsamEvent/.test(file) || 'largestProcess' in body
  return isJetsam ? jetsam(file, head, body) : crash(file, head, body)
}
