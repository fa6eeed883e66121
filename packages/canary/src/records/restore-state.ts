import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatProcessId, type ProcessId, readBoot } from '@iapeer/core/process'
import { readIfExists, replaceFile } from '@iapeer/core/storage'
import { leaseHolder } from './corrupt-state.ts'
import { logLifecycle } from './log.ts'
import { type CanaryOptions, checkedLocation } from './options.ts'

/** What is known of a generation from elsewhere. */
export interface RestoreOptions extends CanaryOptions {
  /** 16 hex digits. */
  readonly gen: string
  /** The tmux server, as its launcher noted it. */
  readonly server: ProcessId
  /** Absolute path of its socket. */
  readonly socketPath: string
  /** Whether the server was started before the present boot of the host. */
  readonly isOfEarlierBoot: boolean
}

/** No boot has this id. */
const EARLIER_BOOT = '00000000-0000-0000-0000-000000000000/-'

/**
 * Writes the state file of a generation anew from what its launcher knows, if the file was found corrupt and the baseline could
 * not repair it: after a power cut, files that were written seconds before are empty. The next `reconcile` then records the death.
 * @returns whether it was written; false if the file was never corrupt, or is there again
 * @throws IapeerError `invalid-name`, `invalid-path`; the Node system error if it cannot be written
 */
export async function restoreState(options: RestoreOptions): Promise<boolean> {
  const { identity, layout } = checkedLocation(options)
  const { gen, server, socketPath, isOfEarlierBoot } = options
  const key = `${identity}-${gen}`
  const path = join(layout.canaryDir, key)
  if (!existsSync(`${path}-corrupt`) || (readIfExists(path) ?? '') !== '') return false
  const lines = [
    'mode=guard',
    `recorder=${leaseHolder(layout, key) ?? formatProcessId({ pid: server.pid, token: '-' })}`,
    `server=${formatProcessId(server)}`,
    `socket=${socketPath}`,
    'socket_id=-',
    `boot=${isOfEarlierBoot ? EARLIER_BOOT : await readBoot()}`,
    `baseline=${path}.baseline`,
  ]
  await replaceFile(path, `${lines.join('\n')}\n`)
  await logLifecycle(layout, { ev: 'canary', identity, gen, state: 'restored-state', origin: 'reconcile' })
  return true
}
