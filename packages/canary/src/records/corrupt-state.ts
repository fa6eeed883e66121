import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { quarantine, readIfExists, replaceFile } from '@iapeer/core/storage'
import { logLifecycle } from './log.ts'
import { type GenerationName, namesIn, parseKeyValues, readCanaryRecord } from './state-file.ts'

/** Returns the target of a symbolic link; undefined if the path does not exist or is not a link. */
function readLinkIfThere(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

/** Returns the recorder that holds the newest lease of a generation, `<pid>:<token>`. */
export function leaseHolder(layout: RecordLayout, key: string): string | undefined {
  const numbers = namesIn(layout.canaryDir)
    .map((name) => (name.startsWith(`${key}.lease`) ? Number(name.slice(`${key}.lease`.length)) : Number.NaN))
    .filter(Number.isInteger)
  if (numbers.length === 0) return undefined
  return readLinkIfThere(join(layout.canaryDir, `${key}.lease${Math.max(...numbers)}`))
}

/** Lines of the state file that the baseline repeats, except in baselines of early recorders. */
const REPEATED = ['lib', 'record_dir', 'tmux', 'path', 'clock', 'format'] as const

/**
 * Renames a state file that cannot be parsed to `<name>-corrupt` and writes it again from the baseline and the lease. They hold
 * the same facts, except the client of a watch. Without them only the recorder itself can settle that generation. Safe to
 * call from several processes: one of them does it.
 * @returns whether this process renamed the file
 */
export async function repairState(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  const key = `${name.identity}-${name.gen}`
  const path = join(layout.canaryDir, key)
  const baseline = parseKeyValues(readIfExists(`${path}.baseline`) ?? '')
  const [server, socket, boot] = [baseline.get('server'), baseline.get('socket'), baseline.get('boot')]
  const recorder = leaseHolder(layout, key)
  const text = readIfExists(path)
  if (text === undefined || readCanaryRecord(layout, name) !== 'corrupt') return false
  const kept = quarantine(path, { text, suffix: '-corrupt' })
  if (kept === undefined) return false
  const repaired =
    server !== undefined && socket !== undefined && boot !== undefined && recorder !== undefined
  if (repaired) {
    const repeated = REPEATED.flatMap((key) => {
      const value = baseline.get(key)
      return value === undefined ? [] : [`${key}=${value}`]
    })
    const lines = [
      `mode=${baseline.get('mode') ?? 'watch'}`,
      `recorder=${recorder}`,
      `server=${server}`,
      `socket=${socket}`,
      'socket_id=-',
      `boot=${boot}`,
      `baseline=${path}.baseline`,
      ...repeated,
    ]
    await replaceFile(path, `${lines.join('\n')}\n`)
  }
  await logLifecycle(layout, {
    ev: 'canary',
    ...name,
    state: 'corrupt-state',
    origin: 'reconcile',
    kept,
    mended: String(repaired),
  })
  return true
}
