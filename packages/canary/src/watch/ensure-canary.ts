import { rm } from 'node:fs/promises'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses } from '@iapeer/core/process'
import { ENSURE_FAILURES } from '../codes.ts'
import { RecentMap } from '../recent-map.ts'
import { logLifecycle } from '../records/log.ts'
import { checkedLocation, checkSocketPath, recordsAreOff, socketIdOf } from '../records/options.ts'
import { type CanaryRecord, dismissalOf, notedSocketId, readCanaryRecords } from '../records/state-file.ts'
import type { EnsureOptions, EnsureResult } from './ensured.ts'

/** Identities whose last result here was a failure: each loss is logged once, not at every call. */
const failing = new RecentMap<string>()

/** Sockets that a server has made anew (SIGUSR1), as they were when it was asked: its recorder noted the old one. */
const confirmed = new RecentMap<string>()

/** A living recorder of the living server that owns this socket, found without starting a process. */
async function findArmed(
  layout: RecordLayout,
  identity: string,
  socketPath: string,
): Promise<CanaryRecord | undefined> {
  const candidates = readCanaryRecords(layout, identity).records.filter(
    (record) => record.socketPath === socketPath,
  )
  if (candidates.length === 0) return undefined
  const socketId = await socketIdOf(socketPath)
  for (const record of candidates) {
    // Where there is no socket at all, nobody else can be at it.
    if (
      socketId !== '-' &&
      notedSocketId(layout, record) !== socketId &&
      confirmed.get(record.gen) !== socketId
    )
      continue
    const [server, recorder] = await observeProcesses([record.server, record.recorder])
    if (server !== 'alive' || recorder !== 'alive') continue
    // A guard that was dismissed and is wanted again has only to be told so.
    if (record.mode === 'guard') await rm(dismissalOf(layout, record), { force: true })
    return record
  }
  return undefined
}

async function ensure(layout: RecordLayout, identity: string, options: EnsureOptions): Promise<EnsureResult> {
  const socketPath = checkSocketPath(options.socketPath)
  const armed = await findArmed(layout, identity, socketPath)
  if (armed !== undefined) return { state: 'already', gen: armed.gen, serverPid: armed.server.pid }
  const { armWatch } = await import('../starting.ts')
  const request = { identity, socketPath, ...(options.tmux === undefined ? {} : { tmux: options.tmux }) }
  const result = await armWatch(layout, request)
  if (result.state === 'already') confirmed.set(result.gen, await socketIdOf(socketPath))
  else {
    await logLifecycle(layout, {
      ev: 'canary',
      identity,
      gen: result.gen,
      state: 'spawned',
      origin: 'ensure',
    })
  }
  return result
}

/** A system error is a state too; one about a path of the record directory names the directory. */
function failure(error: unknown, recordDir: string): EnsureResult & { state: 'failed' } {
  if (error instanceof IapeerError) {
    const reason = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`
    const code = ENSURE_FAILURES.find((known) => known === error.code) ?? 'system-error'
    return { state: 'failed', code, reason }
  }
  const errno = errnoOf(error)
  if (errno === undefined || !(error instanceof Error)) throw error
  if (!('path' in error) || ('syscall' in error && String(error.syscall).startsWith('spawn')))
    return { state: 'failed', code: 'system-error', reason: error.message }
  return {
    state: 'failed',
    code: 'record-dir-unwritable',
    reason: `cannot keep records in ${recordDir}: ${error.message}`,
  }
}

/**
 * Arms a watch on a running tmux server, unless one is armed. Idempotent, also for many processes at once; when the
 * watch is there, it starts no process. Nothing on the server is changed. Never throws: a program goes on without a watch,
 * so whatever goes wrong is the state `failed` with its code.
 */
export async function ensureCanary(options: EnsureOptions): Promise<EnsureResult> {
  if (typeof options !== 'object' || options === null) {
    return {
      state: 'failed',
      code: 'invalid-options',
      reason: 'ensureCanary takes {identity, socketPath, recordDir}',
    }
  }
  if (recordsAreOff()) return { state: 'skipped', reason: 'IAPEER_RECORDS=off' }
  try {
    const { identity, layout } = checkedLocation(options)
    const key = `${layout.canaryDir}/${identity}`
    try {
      const result = await ensure(layout, identity, options)
      failing.delete(key)
      return result
    } catch (error) {
      const failed = failure(error, layout.recordDir)
      if (failing.get(key) !== failed.code) {
        failing.set(key, failed.code)
        await logLifecycle(layout, {
          ev: 'canary',
          identity,
          state: 'failed',
          origin: 'ensure',
          reason: failed.reason,
        })
      }
      return failed
    }
  } catch (error) {
    return failure(error, options.recordDir)
  }
}
