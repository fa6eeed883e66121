import type { ExitRecord, VerdictWord } from '@iapeer/forensics'

/** What must be true after one act of a drill. */
export interface Expected {
  /** How many deaths may be recorded: `[1]` for an accident, `[0]` for a deliberate act, `[0, 1]` where two acts race. */
  readonly records: readonly (0 | 1)[]
  readonly event?: ExitRecord['event'] | undefined
  /** The possible causes of a dead server; empty where any may be recorded. */
  readonly causes?: readonly string[] | undefined
  readonly verdicts?: readonly VerdictWord[] | undefined
  /** The signal that ended the process; not compared where the record has none. */
  readonly signal?: NodeJS.Signals | undefined
  /** Whether the peer runs afterwards. `policy`: if its profile says that it is restarted. `wakes`: only if a message comes for it. */
  readonly runs: 'yes' | 'no' | 'policy' | 'wakes'
}

/** What was found after an act. */
export interface Found {
  /** The records of the generation, in their order. */
  readonly records: readonly ExitRecord[]
  /** Undefined where nothing is recorded. */
  readonly verdict: VerdictWord | undefined
  /** Whether the snapshot is complete; undefined where nothing is recorded. */
  readonly hasSnapshot: boolean | undefined
  /** Whether the recorder has removed its state file. @default not checked */
  readonly isSettled?: boolean | undefined
  /** Whether the fault was seen to have happened. */
  readonly isConfirmed: boolean
  readonly runs: boolean
}

/**
 * What is wrong. `missed`, `false-record`, `twice`: the number of records. `not-settled`: the state file of the recorder is still there.
 * `not-caused`: the fault did not happen, so nothing is proven. `message-…`: see docs/drill.md.
 */
export type ProblemKind =
  | 'missed'
  | 'false-record'
  | 'twice'
  | 'notified-twice'
  | 'wrong-event'
  | 'wrong-cause'
  | 'wrong-verdict'
  | 'no-snapshot'
  | 'not-settled'
  | 'wrong-identity'
  | 'wrong-time'
  | 'wrong-signal'
  | 'wrong-state'
  | 'not-caused'
  | 'message-lost'
  | 'message-twice'
  | 'message-open'
  | 'message-order'
  | 'message-returned'
  | 'false-receipt'
  | 'failed'
  | 'leftover'

export interface Problem {
  readonly kind: ProblemKind
  readonly what: string
}

const among = <T>(wanted: readonly T[] | undefined, found: T | undefined): boolean =>
  wanted === undefined || wanted.length === 0 || (found !== undefined && wanted.includes(found))

/** The peer of an act. */
export interface Circumstances {
  /** Whether its profile says that it is restarted after a death. */
  readonly isRestarted: boolean
  /** Whether messages are sent to it, each of which starts a peer that no person has stopped. */
  readonly hasMail: boolean
}

/** Whether a peer must run after an act; undefined where it depends on a message. */
function mustRun({ runs }: Expected, { isRestarted, hasMail }: Circumstances): boolean | undefined {
  if (runs === 'yes' || (runs === 'policy' && isRestarted)) return true
  return runs !== 'no' && hasMail ? undefined : false
}

/** Compares what was found with what must be true. Pure. */
export function compare(expected: Expected, found: Found, circumstances: Circumstances): Problem[] {
  if (!found.isConfirmed) return [{ kind: 'not-caused', what: 'the fault was not seen to happen' }]
  const problems: Problem[] = []
  const count = found.records.length
  const [record] = found.records
  if (count > 1) problems.push({ kind: 'twice', what: `${count} deaths are recorded` })
  else if (count === 0 && !expected.records.includes(0))
    problems.push({ kind: 'missed', what: 'no death is recorded' })
  else if (count === 1 && !expected.records.includes(1))
    problems.push({ kind: 'false-record', what: 'a death is recorded for a deliberate act' })
  if (record !== undefined && expected.records.includes(1)) {
    const { event, causes, verdicts } = expected
    if (event !== undefined && record.event !== event)
      problems.push({ kind: 'wrong-event', what: `${record.event}, expected ${event}` })
    else if (record.event === 'server-exit' && !among(causes, record.cause))
      problems.push({ kind: 'wrong-cause', what: `${record.cause}, expected ${causes?.join(' or ')}` })
    if (!among(verdicts, found.verdict))
      problems.push({
        kind: 'wrong-verdict',
        what: `${found.verdict ?? 'none'}, expected ${verdicts?.join(' or ')}`,
      })
    if (found.hasSnapshot === false)
      problems.push({ kind: 'no-snapshot', what: 'the snapshot is missing or incomplete' })
  }
  if (found.isSettled === false)
    problems.push({ kind: 'not-settled', what: 'the state file of the recorder is still there' })
  const runs = mustRun(expected, circumstances)
  if (runs !== undefined && found.runs !== runs)
    problems.push({
      kind: 'wrong-state',
      what: runs ? 'the peer does not run again' : 'the peer runs, although nothing may start it',
    })
  return problems
}

/** Compares the number of records with what is allowed, once nothing runs any more. @returns undefined if it is right. Pure. */
export function compareCount(allowed: readonly number[], count: number): Problem | undefined {
  if (allowed.includes(count)) return undefined
  const kind = count === 0 ? 'missed' : allowed.includes(1) ? 'twice' : 'false-record'
  return { kind, what: `${count} deaths are recorded in the end` }
}

/** What is known of the death that a record is of. */
export interface DeathFacts {
  /** The identity of the peer, and its former one. */
  readonly identities: readonly string[]
  /** When the fault was caused, and when the record was seen, in milliseconds since the epoch. */
  readonly atMs: number
  readonly seenMs: number
}

/** tmux says in whole seconds when a program ended, and a clock can be set a little meanwhile. In milliseconds. */
const TIME_TOLERANCE_MS = 1_500

/** Compares who, when and by what a record says with what was done. Pure. */
export function compareRecord(record: ExitRecord, expected: Expected, facts: DeathFacts): Problem[] {
  const problems: Problem[] = []
  const { identities, atMs, seenMs } = facts
  if (!identities.includes(record.identity))
    problems.push({
      kind: 'wrong-identity',
      what: `${record.identity}, expected ${identities.join(' or ')}`,
    })
  const deadMs = Date.parse(record.ts)
  const isIn = deadMs >= atMs - TIME_TOLERANCE_MS && deadMs <= seenMs + TIME_TOLERANCE_MS
  // With `seenAlive`, the record says itself that the time is not known.
  if (record.seenAlive === undefined && !isIn)
    problems.push({ kind: 'wrong-time', what: `${record.ts}, expected ${new Date(atMs).toISOString()}` })
  const { signal } = expected
  if (signal !== undefined && record.signal !== undefined && record.signal !== signal)
    problems.push({ kind: 'wrong-signal', what: `${record.signal}, expected ${signal}` })
  return problems
}
