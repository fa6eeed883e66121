import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { EXIT } from '../../exit-code.ts'
import { identitiesNamed } from '../../sessions.ts'

const POLL_MS = 100
const AT_ONCE = 256 * 1024

/** On a terminal as it was printed; elsewhere without what steers a terminal. */
const shown = (text: string): string =>
  process.stdout.isTTY === true ? text : stripVTControlCharacters(text).replace(/\r/g, '')

async function readFrom(
  path: string,
  from: number,
): Promise<{ readonly bytes: Buffer; readonly to: number } | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      // Rotated or emptied meanwhile: from its beginning.
      const start = size < from ? 0 : from
      const buffer = Buffer.alloc(Math.min(size - start, AT_ONCE))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start)
      return { bytes: buffer.subarray(0, bytesRead), to: start + bytesRead }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export async function logs(peer: string, options: { readonly follow?: boolean }): Promise<void> {
  const { identities } = await identitiesNamed(peer)
  const [identity = ''] = identities
  const path = join(rootLayout(iapeerRoot()).paneLogDir, `${identity}.log`)
  // A character may lie across two reads.
  const decoder = new StringDecoder('utf8')
  let from = 0
  for (;;) {
    const read = await readFrom(path, from)
    if (read === undefined && options.follow !== true)
      throw new IapeerError(`nothing has been logged of ${identity}`, {
        code: 'not-running',
        hint: `iapeer start ${peer}`,
      })
    if (read !== undefined && read.bytes.length > 0) {
      process.stdout.write(shown(decoder.write(read.bytes)))
      from = read.to
      continue
    }
    if (options.follow !== true) return
    if (process.stdout.destroyed) process.exit(EXIT.ok)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
