import { open } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { errnoOf } from '@iapeer/core/errors'
import { EXIT } from './exit-code.ts'
import { onReaderGone } from './output.ts'

const POLL_MS = 100
const AT_ONCE = 256 * 1024

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

/**
 * Prints a file; with `follow` it goes on until the reader leaves.
 * @param options.shown makes of a piece of it what is printed
 * @returns false when there is none
 */
export async function printFile(
  path: string,
  options: { readonly follow: boolean; readonly shown: (text: string) => string },
): Promise<boolean> {
  // A character may lie across two reads.
  const decoder = new StringDecoder('utf8')
  let from = 0
  onReaderGone(() => process.exit(EXIT.ok))
  for (;;) {
    const read = await readFrom(path, from)
    if (read === undefined && !options.follow) return false
    if (read !== undefined && read.bytes.length > 0) {
      process.stdout.write(options.shown(decoder.write(read.bytes)))
      from = read.to
      continue
    }
    if (!options.follow) return true
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
