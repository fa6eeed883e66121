import { renameSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses, readBoot } from '@iapeer/core/process'
import { collectAssets } from './assets.ts'
import { signalProcess, waitFor } from './end-process.ts'
import { sweepIntents } from './intent.ts'
import { logLifecycle } from './log.ts'
import { checkedLayout, type RecordOptions, recordsAreOff } from './place.ts'
import { pruneDeaths } from './prune.ts'
import { type SettleOutcome, settleGeneration } from './settle.ts'
import {
  type CanaryRecord,
  namesIn,
  parseGenerationName,
  readCanaryRecord,
  readCanaryRecords,
  readIfThere,
} from './state-file.ts'

/** A living recorder of a dead server is given this long to finish before it is called busy. */
const RECORDER_LIMIT_MS = 2_500

/** What reconcile found of one generation and did about it. */
export interface ReconcileFinding {
  readonly identity: string
  readonly gen: string
  /** `watching` and `unwatched` (its recorder is gone) mean that the server lives; the others that it does not. */
  readonly outcome: 'watching' | 'unwatched' | 'corrupt-state' | Exclude<SettleOutcome, 'alive'>
}

/** The server is dead and its recorder lives: wake it if it was stopped, and let it finish; it may die over it. */
async function letRecorderFinish(
  layout: RecordLayout,
  record: CanaryRecord,
): Promise<'settled' | 'lost' | 'busy'> {
  const over = async (): Promise<'settled' | 'lost' | false> => {
    if (readCanaryRecord(layout, record) === undefined) return 'settled'
    return (await observeProcesses([record.recorder]))[0] === 'gone' && 'lost'
  }
  const atOnce = await waitFor(over, 100)
  if (atOnce !== false) return atOnce
  await signalProcess(record.recorder, 'SIGCONT')
  if (record.client !== undefined) await signalProcess(record.client, 'SIGTERM')
  return (await waitFor(over, RECORDER_LIMIT_MS)) || 'busy'
}

async function reconcileOne(
  layout: RecordLayout,
  boot: string,
  record: CanaryRecord,
): Promise<ReconcileFinding> {
  const { identity, gen } = record
  const [server, recorder] = await observeProcesses([record.server, record.recorder])
  const sameBoot = record.boot === boot
  if (sameBoot && server === 'unknown') return { identity, gen, outcome: 'unknown' }
  if (sameBoot && server === 'alive')
    return { identity, gen, outcome: recorder === 'gone' ? 'unwatched' : 'watching' }
  const left = sameBoot && recorder !== 'gone' ? await letRecorderFinish(layout, record) : 'lost'
  if (left !== 'lost') return { identity, gen, outcome: left }
  const outcome = await settleGeneration(layout, record)
  return { identity, gen, outcome: outcome === 'alive' ? 'unknown' : outcome }
}

async function reconcileRecords(layout: RecordLayout, identity?: string): Promise<ReconcileFinding[]> {
  const { records, corrupt } = readCanaryRecords(layout, identity)
  const findings: ReconcileFinding[] = []
  for (const name of corrupt) {
    const path = join(layout.canaryDir, `${name.identity}-${name.gen}`)
    renameSync(path, `${path}.corrupt`)
    await logLifecycle(layout, {
      ev: 'canary',
      ...name,
      state: 'corrupt-state',
      origin: 'reconcile',
      kept: `${path}.corrupt`,
    })
    findings.push({ ...name, outcome: 'corrupt-state' })
  }
  if (records.length === 0) return findings
  const boot = await readBoot()
  for (const record of records) findings.push(await reconcileOne(layout, boot, record))
  return findings
}

/** Before a new watch of an identity: whatever of it died unseen is recorded first. */
export async function settleIdentity(layout: RecordLayout, identity: string): Promise<void> {
  await reconcileRecords(layout, identity)
}

/** Claims whose line never reached exits.log and whose state file is gone. */
async function completeClaims(layout: RecordLayout): Promise<ReconcileFinding[]> {
  const claimed = namesIn(layout.deathsDir).filter((name) => name.endsWith('.claim'))
  if (claimed.length === 0) return []
  const log = readIfThere(layout.exitsLog) ?? ''
  const written = new Set(log.match(/(?<= gen=)[0-9a-f]{16}(?= )/g))
  const findings: ReconcileFinding[] = []
  for (const entry of claimed) {
    const name = parseGenerationName(entry.slice(0, -'.claim'.length))
    if (name === undefined || written.has(name.gen) || readCanaryRecord(layout, name) !== undefined) continue
    const outcome = await settleGeneration(layout, { ...name, server: undefined, boot: '-' })
    findings.push({ ...name, outcome: outcome === 'alive' ? 'unknown' : outcome })
  }
  return findings
}

/**
 * Makes the records whole: deaths that nobody saw become `recorder-lost` or `host-reboot`, claims without a line are
 * completed, abandoned intents are withdrawn, old records (all but the newest 500) and unused script copies go.
 * Safe to run from many processes at once. Nothing is armed and no server is touched.
 * @throws IapeerError `invalid-path`; Node system errors when the folder cannot be read
 */
export async function reconcile(options: RecordOptions): Promise<ReconcileFinding[]> {
  const layout = checkedLayout(options)
  if (recordsAreOff()) return []
  const findings = await reconcileRecords(layout)
  findings.push(...(await completeClaims(layout)))
  await sweepIntents(layout)
  await pruneDeaths(layout)
  await collectAssets(layout)
  return findings
}
