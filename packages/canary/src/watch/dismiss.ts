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
import { terminateProcess } from '../process/terminate-process.ts'
import { currentName } from '../records/generation-name.ts'
import { logLifecycle } from '../records/log.ts'
import { type CanaryOptions, checkedLocation, checkSocketPath } from '../records/options.ts'
import { ensureSettled } from '../records/recorder.ts'
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
  /** Only this generation. @default every generation of the identity */
  readonly gen?: string
  /** Only servers on this socket. @default every server of the identity */
  readonly socketPath?: string
}

/** What {@link dismissCanary} did. */
export interface DismissResult {
  /** `none`: no watch matched the options. */
  readonly state: 'dismissed' | 'none'
  /** The generations that are no longer watched, 16 hex digits each. */
  readonly gens: readonly string[]
}

const EXIT_LIMIT = { limitMs: 2_000 }

/** Reads the state file of a generation; undefined if it names another recorder now. */
function stateOf(layout: RecordLayout, record: CanaryRecord): CanaryRecord | undefined {
  const now = readCanaryRecord(layout, record)
  return now === undefined || now === 'corrupt' || !isSameProcess(now.recorder, record.recorder)
    ? undefined
    : now
}

/** Removes the files of a recorder that is gone, its state file first. */
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
 * Dismisses a recorder: writes a marker that names it, then terminates its client, which makes it read the marker and exit. A
 * guard keeps waiting for its server and reads the marker when that exits: it then records nothing.
 */
async function dismissRecorder(layout: RecordLayout, record: CanaryRecord): Promise<void> {
  const marker = dismissalOf(layout, record)
  await replaceFile(marker, `${formatProcessId(record.recorder)}\n`)
  if (record.mode === 'guard') return
  await signalProcess(record.recorder, 'SIGCONT')
  const gone = async (): Promise<boolean> => (await observeProcess(record.recorder)) === 'gone'
  const exited = await waitUntil(async () => {
    const now = stateOf(layout, record)
    if (now?.client !== undefined) await terminateProcess(now.client)
    return now === undefined || (await gone())
  }, EXIT_LIMIT)
  if (exited === undefined) {
    const client = stateOf(layout, record)?.client
    await signalProcess(record.recorder, 'SIGKILL')
    if (client !== undefined) await signalProcess(client, 'SIGKILL')
    await waitUntil(gone, EXIT_LIMIT)
  }
  if (await gone()) await removeState(layout, record)
  if (readCanaryRecord(layout, record) === undefined) await rm(marker, { force: true })
}

async function dismissOne(layout: RecordLayout, record: CanaryRecord): Promise<boolean> {
  const [server, recorder] = await observeProcesses([record.server, record.recorder])
  if (server === 'gone') {
    await ensureSettled(layout, record)
    return false
  }
  if (isDismissed(layout, record)) return false
  if (recorder === 'gone') {
    await removeState(layout, record)
    if (record.client !== undefined) await terminateProcess(record.client)
  } else await dismissRecorder(layout, record)
  const { identity, gen } = record
  await logLifecycle(layout, { ev: 'canary', identity, gen, state: 'dismissed', origin: 'dismiss' })
  return true
}

/**
 * Stops watching a running server: its later death is not recorded. Does nothing if no watch matches. The death of a server
 * that is dead already is recorded.
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
