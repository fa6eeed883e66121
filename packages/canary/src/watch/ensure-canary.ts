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
import { forgetFailure, isKnownFailure } from './failure-note.ts'

/** Ids of sockets that a server recreated (SIGUSR1) after its recorder noted the old one, by generation. */
const confirmed = new RecentMap<string>()

/** Returns the running recorder of the running server that owns this socket. Starts no process. */
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
    // Without a socket, no other server can be listening on it.
    if (
      socketId !== '-' &&
      notedSocketId(layout, record) !== socketId &&
      confirmed.get(record.gen) !== socketId
    )
      continue
    const [server, recorder] = await observeProcesses([record.server, record.recorder])
    if (server !== 'alive' || recorder !== 'alive') continue
    // A dismissed guard records again once its marker is gone.
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

/** Converts an error to the state `failed`. A system error about a path names the record directory. */
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
    reason: `cannot write records in ${recordDir}: ${error.message}`,
  }
}

/**
 * Arms a watch on a running tmux server, unless one is armed. Idempotent, also from many processes at once; starts no process
 * if a watch is armed. Changes nothing on the server. Never throws, because a program must go on without a watch: every
 * failure is the state `failed` with a code.
 */
export async function ensureCanary(options: EnsureOptions): Promise<EnsureResult> {
  if (typeof options !== 'object' || options === null) {
    return {
      state: 'failed',
      code: 'invalid-options',
      reason: 'ensureCanary expects an object {identity, socketPath, recordDir}',
    }
  }
  if (recordsAreOff()) return { state: 'skipped', reason: 'IAPEER_RECORDS=off' }
  try {
    const { identity, layout } = checkedLocation(options)
    try {
      const result = await ensure(layout, identity, options)
      await forgetFailure(layout, identity)
      return result
    } catch (error) {
      const failed = failure(error, layout.recordDir)
      if (!(await isKnownFailure(layout, identity, failed.code))) {
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
