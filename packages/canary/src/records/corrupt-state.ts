import { readlinkSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordLayout } from '@iapeer/core/paths'
import { replaceFile } from '@iapeer/core/storage'
import { logLifecycle } from './log.ts'
import { type GenerationName, namesIn, parseKeyValues, readIfThere } from './state-file.ts'

/** The recorder that holds the newest lease of a generation, `<pid>:<token>`. */
function leaseHolder(layout: RecordLayout, key: string): string | undefined {
  const numbers = namesIn(layout.canaryDir)
    .map((name) => (name.startsWith(`${key}.lease`) ? Number(name.slice(`${key}.lease`.length)) : Number.NaN))
    .filter(Number.isInteger)
  if (numbers.length === 0) return undefined
  return readlinkSync(join(layout.canaryDir, `${key}.lease${Math.max(...numbers)}`))
}

/**
 * A state file that cannot be read is kept beside (`<name>-corrupt`) and made again from the baseline and the lease,
 * which hold the same facts. False when those are gone too: then its recorder alone can settle that generation.
 */
export async function mendState(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  const key = `${name.identity}-${name.gen}`
  const path = join(layout.canaryDir, key)
  const baseline = parseKeyValues(readIfThere(`${path}.baseline`) ?? '')
  const [server, socket, boot] = [baseline.get('server'), baseline.get('socket'), baseline.get('boot')]
  const recorder = leaseHolder(layout, key)
  await rename(path, `${path}-corrupt`)
  const mended = server !== undefined && socket !== undefined && boot !== undefined && recorder !== undefined
  if (mended) {
    const lines = [
      'mode=watch',
      `recorder=${recorder}`,
      `server=${server}`,
      `socket=${socket}`,
      'socket_id=-',
      `boot=${boot}`,
      `baseline=${path}.baseline`,
    ]
    await replaceFile(path, `${lines.join('\n')}\n`)
  }
  await logLifecycle(layout, {
    ev: 'canary',
    ...name,
    state: 'corrupt-state',
    origin: 'reconcile',
    kept: `${path}-corrupt`,
    mended: String(mended),
  })
  return mended
}
