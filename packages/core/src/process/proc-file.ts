import { closeSync, openSync, readSync } from 'node:fs'

/** Longer than what is read with it; used again and again, for a line is read of every peer each second. */
const short = Buffer.alloc(2_048)

/**
 * A file of /proc, in one read.
 * @param bytes how much of it at most. @default 2048
 * @throws the Node system error
 */
export function readProcFile(path: string, bytes = short.length): string {
  const buffer = bytes <= short.length ? short : Buffer.alloc(bytes)
  const file = openSync(path, 'r')
  try {
    return buffer.toString('latin1', 0, readSync(file, buffer))
  } finally {
    closeSync(file)
  }
}
