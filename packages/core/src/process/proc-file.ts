import { closeSync, openSync, readSync } from 'node:fs'

/** Shared by all short reads: the daemon reads a line per peer every second. */
const short = Buffer.alloc(2_048)

/**
 * Reads a file of /proc with one read call.
 * @param bytes the maximum length. @default 2048
 * @throws the Node.js system error
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
