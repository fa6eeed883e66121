import { createHash } from 'node:crypto'
import { IapeerError } from '@iapeer/core/errors'

/** How much of a file's beginning tells it from a later file that was given the same inode number, in bytes. */
export const HEAD_BYTES = 256

/** A place in one file. */
export interface CursorPosition {
  readonly ino: bigint
  /** The beginning of a line. */
  readonly offset: number
  /** A hash of what the file begins with, up to the offset. */
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

/** The oldest place first; none: from the beginning. @throws IapeerError `bad-cursor` */
export function parseCursor(text: string): CursorPosition[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [, ino, offset, head] = POSITION.exec(part) ?? []
    if (ino !== undefined && offset !== undefined && head !== undefined)
      return { ino: BigInt(ino), offset: Number(offset), head }
    throw new IapeerError(`not a cursor: ${JSON.stringify(text.slice(0, 80))}`, {
      code: 'bad-cursor',
      hint: 'Use the cursor of an event exactly as it was given, or none.',
    })
  })
}

/** @throws IapeerError `bad-cursor` for what is none; whether its file is still there is not looked at */
export function checkCursor(text: string): void {
  parseCursor(text)
}
