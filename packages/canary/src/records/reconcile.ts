import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses, readBoot } from '@iapeer/core/process'
import { terminateProcess } from '../process/terminate-process.ts'
import { collectAssets } from '../scripts/assets.ts'
import { restoreScriptsOf } from '../scripts/restore.ts'
import { findClaim } from './claim-file.ts'
import { repairState } from './corrupt-state.ts'
import { rotateLogs } from './log.ts'
import { checkedLayout, type RecordOptions, recordsAreOff } from './options.ts'
import { pruneDeaths } from './prune.ts'
import { ensureSettled } from './recorder.ts'
import { noteSeenAt } from './seen.ts'
import { type SettleOutcome, settleGeneration } from './settle.ts'
import { type CanaryRecord, namesIn, parseGenerationName, readCanaryRecords } from './state-file.ts'
import { sweepIntents, sweepNames, sweepNotes, sweepParts, sweepRecorderFiles } from './sweep.ts'

/** The number of generations that are settled at a time. */
const CONCURRENCY = 8

/** What reconcile found and did for one generation. */
export interface ReconcileFinding {
  /** `<runtime>-<personality>`, for example `claude-bob`. */
  readonly identity: string
  /** 16 hex digits: one run of one server. */
  readonly gen: string
  /**
   * `watching`, `unwatched` (the recorder is gone): the server is running. `corrupt-state`: its state file could not be parsed.
   * `unknown`: its processes cannot be observed. Else the server is dead.
   */
  readonly outcome: 'watching' | 'unwatched' | 'corrupt-state' | Exclude<SettleOutcome, 'alive'>
}

/** Outcomes that are certain: the generation is running or settled. Only if all are, `seen` is updated. */
const SEEN: ReadonlySet<ReconcileFinding['outcome']> = new Set([
  'watching',
  'unwatched',
  'completed',
  'recorded',
  'settled',
  'silent',
])

const settledAs = (outcome: SettleOutcome): ReconcileFinding['outcome'] =>
  outcome === 'alive' ? 'unknown' : outcome

async function reconcileOne(
  layout: RecordLayout,
  boot: string,
  record: CanaryRecord,
): Promise<ReconcileFinding> {
  const { identity, gen } = record
  if (record.boot !== boot)
    return { identity, gen, outcome: settledAs(await settleGeneration(layout, record)) }
  const [server, recorder] = await observeProcesses([record.server, record.recorder])
  if (server === 'unknown') return { identity, gen, outcome: 'unknown' }
  if (server === 'alive') {
    if (recorder !== 'gone') return { identity, gen, outcome: 'watching' }
    // The client of a killed watch: it would wait until its server exits. Its pid and its start time were noted.
    if (record.client !== undefined) await terminateProcess(record.client)
    return { identity, gen, outcome: 'unwatched' }
  }
  return { identity, gen, outcome: settledAs(await ensureSettled(layout, record)) }
}

/** Settles the dead generations of one identity, or of all, after repairing their state files. */
export async function reconcileRecords(layout: RecordLayout, identity?: string): Promise<ReconcileFinding[]> {
  const findings: ReconcileFinding[] = []
  for (const name of readCanaryRecords(layout, identity).corrupt) {
    if (await repairState(layout, name)) findings.push({ ...name, outcome: 'corrupt-state' })
  }
  const { records } = readCanaryRecords(layout, identity)
  if (records.length === 0) return findings
  await restoreScriptsOf(layout)
  const boot = await readBoot()
  const settled = await mapLimit(records, CONCURRENCY, (record) => reconcileOne(layout, boot, record))
  return [...findings, ...settled]
}

/** The last line of a complete snapshot. */
const WHOLE = '\n--- end\n'

/** Returns whether a file exists and ends as a complete snapshot does; reads only its last bytes. */
function isWhole(path: string): boolean {
  const end = Buffer.alloc(WHOLE.length)
  let file: number | undefined
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const from = fstatSync(file).size - end.length
    return from >= 0 && readSync(file, end, 0, end.length, from) === end.length && end.toString() === WHOLE
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return false
    throw error
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * Completes claims that have no state file, after their recorder was killed. The snapshot is written last, so a complete one
 * means that the line was written too, even if it has been rotated away since.
 */
async function completeClaims(layout: RecordLayout): Promise<ReconcileFinding[]> {
  const open = new Set(namesIn(layout.canaryDir))
  const findings: ReconcileFinding[] = []
  for (const entry of namesIn(layout.deathsDir)) {
    const key = entry.endsWith('.claim') ? entry.slice(0, -'.claim'.length) : ''
    const name = parseGenerationName(key)
    if (name === undefined || open.has(key) || isWhole(join(layout.deathsDir, `${key}.txt`))) continue
    // The state file of a session is removed only after its record is complete.
    if (findClaim(layout, name)?.event === 'session-exit') continue
    const outcome = await settleGeneration(layout, {
      ...name,
      server: undefined,
      recorder: undefined,
      boot: '-',
    })
    findings.push({ ...name, outcome: settledAs(outcome) })
  }
  return findings
}

/** What reconcile does after settling; the steps are independent of each other. */
const SWEEPS: readonly ((layout: RecordLayout) => Promise<void>)[] = [
  sweepIntents,
  sweepRecorderFiles,
  sweepNotes,
  sweepParts,
  pruneDeaths,
  sweepNames,
  rotateLogs,
  collectAssets,
]

async function settleAll(layout: RecordLayout): Promise<ReconcileFinding[]> {
  const now = new Date()
  const findings = await reconcileRecords(layout)
  if (findings.every(({ outcome }) => SEEN.has(outcome))) await noteSeenAt(layout, now)
  return findings
}

/**
 * Completes the records. Records deaths that no recorder saw as `recorder-lost` or `host-reboot`, completes claims without a
 * line, withdraws abandoned intents, removes old records (all but the newest 500), files of killed processes and the clients
 * of killed watches. Safe to run from many processes at once. Arms nothing and touches no server. If a step fails, the others still run.
 * @throws IapeerError `invalid-path`; the Node system error of the first step that failed (`EACCES`, `EROFS`, ...)
 */
export async function reconcile(options: RecordOptions): Promise<ReconcileFinding[]> {
  const layout = checkedLayout(options)
  if (recordsAreOff()) return []
  const findings: ReconcileFinding[] = []
  const failures: { readonly error: unknown }[] = []
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step()
    } catch (error) {
      if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
      failures.push({ error })
    }
  }
  for (const settle of [settleAll, completeClaims])
    await attempt(async () => void findings.push(...(await settle(layout))))
  for (const sweep of SWEEPS) await attempt(() => sweep(layout))
  const [first] = failures
  if (first !== undefined) throw first.error
  return findings
}
