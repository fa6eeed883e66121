import { closeSync, openSync, readSync } from 'node:fs'

/** Longer than what is read with it; used again and again, for a line is read of every peer each second. */
const text = Buffer.alloc(2_048)

/** A short file of /proc, in one read. @throws the Node system error */
export function readProcFile(path: string): string {
  const file = openSync(path, 'r')
  try {
    return text.toString('latin1', 0, readSync(file, text))
  } finally {
    closeSync(file)
  }
}
