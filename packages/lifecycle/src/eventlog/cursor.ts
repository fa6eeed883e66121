import { createHash } from 'node:crypto'
import { IapeerError } from '@iapeer/core/errors'

/** How many bytes at the beginning of a file distinguish it from a later file with the same inode number. */
export const HEAD_BYTES = 256

/** A position in one file of the log. */
export interface CursorPosition {
  readonly ino: bigint
  /** In bytes; the beginning of a line. */
  readonly offset: number
  /** A hash of the first {@link HEAD_BYTES} of the file, at most up to the offset. */
  readonly head: string
}

const POSITION = /^(\d{1,20}):(\d{1,15}):([0-9a-f]{12})$/

export function headHash(bytes: Buffer, offset: number): string {
  const known = bytes.subarray(0, Math.min(HEAD_BYTES, offset))
  return createHash('sha256').update(known).digest('hex').slice(0, 12)
}

export function formatCursor(positions: readonly CursorPosition[]): string {
  return positions.map(({ ino, offset, head }) => `${ino}:${offset}:${head}`).join(',')
}

/** Parses a cursor: the oldest position first; none means the beginning of the log. @throws IapeerError `bad-cursor` */
export function parseCursor(text: string): CursorPosition[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [, ino, offset, head] = POSITION.exec(part) ?? []
    if (ino !== undefined && offset !== undefined && head !== undefined)
      return { ino: BigInt(ino), offset: Number(offset), head }
    throw new IapeerError(`invalid cursor ${JSON.stringify(text.slice(0, 80))}`, {
      code: 'bad-cursor',
      hint: 'Pass the cursor of an event unchanged, or leave it out to start at the oldest event.',
    })
  })
}

/** Checks the form of a cursor, not whether its file still exists. @throws IapeerError `bad-cursor` */
export function checkCursor(text: string): void {
  parseCursor(text)
}
