import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses } from '@iapeer/core/process'
import { endProcess, signalProcess, waitFor } from './end-process.ts'
import { logLifecycle } from './log.ts'
import { type CanaryOptions, checkedPlace } from './place.ts'
import { settleGeneration } from './settle.ts'
import { type CanaryRecord, namesIn, readCanaryRecord, readCanaryRecords } from './state-file.ts'

export interface DismissOptions extends CanaryOptions {
  /** Only this generation. @default every one of the identity */
  readonly gen?: string
}

export interface DismissResult {
  readonly state: 'dismissed' | 'none'
  /** The generations that are no longer watched. */
  readonly gens: readonly string[]
}

const LEAVE_LIMIT_MS = 2_000

/** Removes what a recorder that was ended by force has left of itself. */
async function removeState(layout: RecordLayout, record: CanaryRecord): Promise<void> {
  const key = `${record.identity}-${record.gen}`
  for (const name of namesIn(layout.canaryDir)) {
    if (name === key || name.startsWith(`${key}.`)) await rm(join(layout.canaryDir, name), { force: true })
  }
}

/** The marker says why; the client's end is what makes a recorder look at it. */
async function askToLeave(layout: RecordLayout, record: CanaryRecord): Promise<void> {
  const marker = join(layout.canaryDir, `${record.identity}-${record.gen}.dismiss`)
  await writeFile(marker, '', { mode: 0o600 })
  await signalProcess(record.recorder, 'SIGCONT')
  const left = await waitFor(async () => {
    const now = readCanaryRecord(layout, record)
    if (now === undefined || now === 'corrupt') return true
    if (now.client !== undefined) await endProcess(now.client)
    return false
  }, LEAVE_LIMIT_MS)
  if (left) return
  await signalProcess(record.recorder, 'SIGKILL')
  await removeState(layout, record)
}

async function dismissOne(layout: RecordLayout, record: CanaryRecord): Promise<boolean> {
  const [server, recorder] = await observeProcesses([record.server, record.recorder])
  if (server === 'gone') {
    if (recorder === 'gone') await settleGeneration(layout, record)
    return false
  }
  if (recorder === 'gone') {
    await removeState(layout, record)
    if (record.client !== undefined) await endProcess(record.client)
  } else await askToLeave(layout, record)
  const { identity, gen } = record
  await logLifecycle(layout, { ev: 'canary', identity, gen, state: 'dismissed', origin: 'dismiss' })
  return true
}

/**
 * Ends the watch over a living server; its later end is not recorded. Harmless when none runs. A server that is dead
 * already is not dismissed: its death is recorded.
 * @throws IapeerError `invalid-identity`, `invalid-path`; Node system errors when the folder cannot be written
 */
export async function dismissCanary(options: DismissOptions): Promise<DismissResult> {
  const { identity, layout } = checkedPlace(options)
  const gens: string[] = []
  for (const record of readCanaryRecords(layout, identity).records) {
    if (options.gen !== undefined && options.gen !== record.gen) continue
    if (await dismissOne(layout, record)) gens.push(record.gen)
  }
  return { state: gens.length > 0 ? 'dismissed' : 'none', gens }
}
