import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import { quarantine, readIfExists, replaceFile } from '@iapeer/core/storage'
import { logLifecycle } from './log.ts'
import { type GenerationName, namesIn, parseKeyValues, readCanaryRecord } from './state-file.ts'

/** The target of a symbolic link; undefined where it is gone, or is not a link. */
function readLinkIfThere(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

/** The recorder that holds the newest lease of a generation, `<pid>:<token>`. */
function leaseHolder(layout: RecordLayout, key: string): string | undefined {
  const numbers = namesIn(layout.canaryDir)
    .map((name) => (name.startsWith(`${key}.lease`) ? Number(name.slice(`${key}.lease`.length)) : Number.NaN))
    .filter(Number.isInteger)
  if (numbers.length === 0) return undefined
  return readLinkIfThere(join(layout.canaryDir, `${key}.lease${Math.max(...numbers)}`))
}

/** What a baseline repeats of the state file; the first recorders noted none of it. */
const NOTED = ['lib', 'record_dir', 'tmux', 'path', 'clock', 'format'] as const

/**
 * Moves a state file that cannot be parsed aside (`<name>-corrupt`) and writes it again from the baseline and the lease, which
 * hold the same facts but for the client of a watch; where those are gone too, its recorder alone can settle that generation. Of several processes one does
 * it.
 * @returns whether this process has moved it
 */
export async function mendState(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  const key = `${name.identity}-${name.gen}`
  const path = join(layout.canaryDir, key)
  const baseline = parseKeyValues(readIfExists(`${path}.baseline`) ?? '')
  const [server, socket, boot] = [baseline.get('server'), baseline.get('socket'), baseline.get('boot')]
  const recorder = leaseHolder(layout, key)
  const text = readIfExists(path)
  if (text === undefined || readCanaryRecord(layout, name) !== 'corrupt') return false
  const kept = quarantine(path, { text, suffix: '-corrupt' })
  if (kept === undefined) return false
  const mended = server !== undefined && socket !== undefined && boot !== undefined && recorder !== undefined
  if (mended) {
    const noted = NOTED.flatMap((key) => {
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
      ...noted,
    ]
    await replaceFile(path, `${lines.join('\n')}\n`)
  }
  await logLifecycle(layout, {
    ev: 'canary',
    ...name,
    state: 'corrupt-state',
    origin: 'reconcile',
    kept,
    mended: String(mended),
  })
  return true
}
