import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'

const CHUNK = 1024 * 1024
/** A longer line is skipped: no message is that long. */
const LONGEST_LINE = 64 * 1024 * 1024
const NEWLINE = 10

/** Where to read a file from: at the offset, or at its start if it was replaced or cut since. */
export interface FilePosition {
  readonly inode?: string | undefined
  readonly offset?: number | undefined
}

/** A line of a file, and where the next one begins. */
export interface FileLine {
  readonly line: string
  readonly position: Required<FilePosition>
}

function startOf(
  { inode, offset = 0 }: FilePosition,
  stats: { readonly ino: bigint; readonly size: bigint },
): number {
  const isSame = inode === undefined || inode === String(stats.ino)
  return isSame && BigInt(offset) <= stats.size ? offset : 0
}

/** Reads the lines of a growing file as a stream; only whole lines. None if the file does not exist. @throws the Node.js system error */
export async function* linesFrom(path: string, from: FilePosition = {}): AsyncGenerator<FileLine> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  })
  if (file === undefined) return
  try {
    const stats = await file.stat({ bigint: true })
    if (!stats.isFile()) return
    const inode = String(stats.ino)
    let at = startOf(from, stats)
    let parts: Buffer[] = []
    let held = 0
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, at)
      if (bytesRead === 0) return
      let begin = 0
      for (
        let end = buffer.indexOf(NEWLINE);
        end >= 0 && end < bytesRead;
        end = buffer.indexOf(NEWLINE, begin)
      ) {
        parts.push(buffer.subarray(begin, end))
        const line = held > LONGEST_LINE ? '' : Buffer.concat(parts).toString('utf8')
        parts = []
        held = 0
        begin = end + 1
        yield { line, position: { inode, offset: at + begin } }
      }
      at += bytesRead
      held += bytesRead - begin
      if (held <= LONGEST_LINE) parts.push(buffer.subarray(begin, bytesRead))
    }
  } finally {
    await file.close()
  }
}
