import { join } from 'node:path'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses, readBoot } from '@iapeer/core/process'
import { collectAssets } from '../scripts/assets.ts'
import { findClaim } from './claim-file.ts'
import { mendState } from './corrupt-state.ts'
import { rotateLogs } from './log.ts'
import { checkedLayout, type RecordOptions, recordsAreOff } from './options.ts'
import { pruneDeaths } from './prune.ts'
import { seeSettled } from './recorder.ts'
import { noteSeenAt } from './seen.ts'
import { type SettleOutcome, settleGeneration } from './settle.ts'
import {
  type CanaryRecord,
  namesIn,
  parseGenerationName,
  readCanaryRecord,
  readCanaryRecords,
  readIfThere,
} from './state-file.ts'
import { sweepIntents, sweepNames, sweepParts, sweepRecorderFiles } from './sweep.ts'

/** How many generations are settled at a time. */
const CONCURRENCY = 8

/** What reconcile found of one generation and did about it. */
export interface ReconcileFinding {
  /** `<runtime>-<personality>`, for example `claude-bob`. */
  readonly identity: string
  /** 16 hex digits: one life of one server. */
  readonly gen: string
  /** `watching` and `unwatched` (its recorder is gone) mean that the server lives; the others that it does not. */
  readonly outcome: 'watching' | 'unwatched' | 'corrupt-state' | Exclude<SettleOutcome, 'alive'>
}

/** Outcomes of a generation that was looked at: what is not alive by now is settled, or being settled. */
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
  if (server === 'alive') return { identity, gen, outcome: recorder === 'gone' ? 'unwatched' : 'watching' }
  return { identity, gen, outcome: settledAs(await seeSettled(layout, record)) }
}

/** Runs at most {@link CONCURRENCY} at a time, in order of the list. */
async function forEach<T>(list: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const left = list.values()
  const worker = async (): Promise<void> => {
    for (const one of left) await act(one)
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, list.length) }, worker))
}

/** Settles what has died of one identity, or of all. */
export async function reconcileRecords(layout: RecordLayout, identity?: string): Promise<ReconcileFinding[]> {
  const findings: ReconcileFinding[] = []
  for (const name of readCanaryRecords(layout, identity).corrupt) {
    await mendState(layout, name)
    findings.push({ ...name, outcome: 'corrupt-state' })
  }
  const { records } = readCanaryRecords(layout, identity)
  if (records.length === 0) return findings
  const boot = await readBoot()
  await forEach(records, async (record) => {
    findings.push(await reconcileOne(layout, boot, record))
  })
  return findings
}

const isWhole = (path: string): boolean => readIfThere(path)?.endsWith('\n--- end\n') === true

/**
 * Claims whose recorder was killed over them and whose state file is gone. The snapshot comes last, so a whole one says
 * that all was written, wherever its line may have been moved since.
 */
async function completeClaims(layout: RecordLayout): Promise<ReconcileFinding[]> {
  const findings: ReconcileFinding[] = []
  for (const entry of namesIn(layout.deathsDir)) {
    const name = entry.endsWith('.claim') ? parseGenerationName(entry.slice(0, -'.claim'.length)) : undefined
    if (name === undefined || readCanaryRecord(layout, name) !== undefined) continue
    if (isWhole(join(layout.deathsDir, `${name.identity}-${name.gen}.txt`))) continue
    // The state of a session's end goes only when its record is whole.
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

/**
 * Makes the records whole: deaths that nobody saw become `recorder-lost` or `host-reboot`, claims without a line are
 * completed, abandoned intents are withdrawn, old records (all but the newest 500) and what killed processes have left
 * go. Safe to run from many processes at once. Nothing is armed and no server is touched.
 * @throws IapeerError `invalid-path`; Node system errors when the folder cannot be read
 */
export async function reconcile(options: RecordOptions): Promise<ReconcileFinding[]> {
  const layout = checkedLayout(options)
  if (recordsAreOff()) return []
  const now = new Date()
  const findings = await reconcileRecords(layout)
  if (findings.every(({ outcome }) => SEEN.has(outcome))) await noteSeenAt(layout, now)
  findings.push(...(await completeClaims(layout)))
  await sweepIntents(layout)
  await sweepRecorderFiles(layout)
  await sweepParts(layout)
  await pruneDeaths(layout)
  await sweepNames(layout)
  await rotateLogs(layout)
  await collectAssets(layout)
  return findings
}
