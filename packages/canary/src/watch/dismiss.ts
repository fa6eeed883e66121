import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@iapeer/core/async'
import type { RecordLayout } from '@iapeer/core/paths'
import {
  formatProcessId,
  isSameProcess,
  observeProcess,
  observeProcesses,
  signalProcess,
} from '@iapeer/core/process'
import { replaceFile } from '@iapeer/core/storage'
import { endProcess } from '../process/end-process.ts'
import { currentName } from '../records/generation-name.ts'
import { logLifecycle } from '../records/log.ts'
import { type CanaryOptions, checkedLocation, checkSocketPath } from '../records/options.ts'
import { seeSettled } from '../records/recorder.ts'
import {
  type CanaryRecord,
  dismissalOf,
  isDismissed,
  namesIn,
  readCanaryRecord,
  readCanaryRecords,
} from '../records/state-file.ts'
import { isHeld } from '../records/sweep.ts'

/** Which watches {@link dismissCanary} ends. */
export interface DismissOptions extends CanaryOptions {
  /** Only this generation. @default every one of the identity */
  readonly gen?: string
  /** Only servers on this socket. @default every one of the identity */
  readonly socketPath?: string
}

/** What {@link dismissCanary} did. */
export interface DismissResult {
  /** `none`: no watch matched the options. */
  readonly state: 'dismissed' | 'none'
  /** The generations that are no longer watched, 16 hex digits each. */
  readonly gens: readonly string[]
}

const LEAVE = { limitMs: 2_000 }

/** The state file while it still names this recorder; a successor's is none of our business. */
function stateOf(layout: RecordLayout, record: CanaryRecord): CanaryRecord | undefined {
  const now = readCanaryRecord(layout, record)
  return now === undefined || now === 'corrupt' || !isSameProcess(now.recorder, record.recorder)
    ? undefined
    : now
}

/** Removes what a recorder that is gone has left of itself, its state file first. */
async function removeState(layout: RecordLayout, record: CanaryRecord): Promise<void> {
  if (stateOf(layout, record) === undefined) return
  const key = `${record.identity}-${record.gen}`
  await rm(join(layout.canaryDir, key), { force: true })
  for (const name of namesIn(layout.canaryDir)) {
    if (name.startsWith(`${key}.`) && !name.endsWith('.tmp') && !(await isHeld(join(layout.canaryDir, name))))
      await rm(join(layout.canaryDir, name), { force: true })
  }
}

/**
 * The marker says which recorder is meant; the client's end is what makes that recorder look. A guard never leaves while
 * its server lives: it looks at the end, and says nothing.
 */
async function askToLeave(layout: RecordLayout, record: CanaryRecord): Promise<void> {
  const marker = dismissalOf(layout, record)
  await replaceFile(marker, `${formatProcessId(record.recorder)}\n`)
  if (record.mode === 'guard') return
  await signalProcess(record.recorder, 'SIGCONT')
  const gone = async (): Promise<boolean> => (await observeProcess(record.recorder)) === 'gone'
  const left = await waitUntil(async () => {
    const now = stateOf(layout, record)
    if (now?.client !== undefined) await endProcess(now.client)
    return now === undefined || (await gone())
  }, LEAVE)
  if (left === undefined) {
    const client = stateOf(layout, record)?.client
    await signalProcess(record.recorder, 'SIGKILL')
    if (client !== undefined) await signalProcess(client, 'SIGKILL')
    await waitUntil(gone, LEAVE)
  }
  if (await gone()) await removeState(layout, record)
  if (readCanaryRecord(layout, record) === undefined) await rm(marker, { force: true })
}

async function dismissOne(layout: RecordLayout, record: CanaryRecord): Promise<boolean> {
  const [server, recorder] = await observeProcesses([record.server, record.recorder])
  if (server === 'gone') {
    await seeSettled(layout, record)
    return false
  }
  if (isDismissed(layout, record)) return false
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
 * @throws IapeerError `invalid-identity`, `invalid-path`; Node system errors when the directory cannot be written
 */
export async function dismissCanary(options: DismissOptions): Promise<DismissResult> {
  const { identity, layout } = checkedLocation(options)
  const socketPath = options.socketPath === undefined ? undefined : checkSocketPath(options.socketPath)
  const gens: string[] = []
  for (const record of readCanaryRecords(layout).records) {
    if ((currentName(layout, record.gen) ?? record.identity) !== identity) continue
    if (options.gen !== undefined && options.gen !== record.gen) continue
    if (socketPath !== undefined && socketPath !== record.socketPath) continue
    if (await dismissOne(layout, record)) gens.push(record.gen)
  }
  return { state: gens.length > 0 ? 'dismissed' : 'none', gens }
}
