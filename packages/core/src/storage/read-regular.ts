import { closeSync, constants, fstatSync, openSync, readFile, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { errnoOf, IapeerError } from '../errors/index.ts'

/** The limit of a file; the files of iapeer are much smaller. */
const MAX_BYTES = 64 * 1024 * 1024
/** A file of at most this size is read at once: each call to the thread pool takes longer than all of its reads. */
const SMALL_BYTES = 64 * 1024

function unusable(path: string, why: string): IapeerError {
  return new IapeerError(`${path} ${why}`, {
    code: 'unusable-file',
    hint: 'Move it away, or replace it with a valid file.',
  })
}

function openRegular(path: string): number | undefined {
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP') throw unusable(path, 'is a symbolic link that leads to itself')
    throw error
  }
}

/**
 * Reads the text of a regular file. It does not block on a pipe or a device.
 * @returns undefined if the file does not exist; `utf8: false` if its bytes are not valid UTF-8
 * @throws IapeerError `unusable-file` for anything but a regular file of at most 64 MiB; the Node.js system error
 */
export async function readRegularFile(
  path: string,
): Promise<{ readonly text: string; readonly utf8: boolean } | undefined> {
  const file = openRegular(path)
  if (file === undefined) return undefined
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) throw unusable(path, 'is not a regular file')
    if (stats.size > MAX_BYTES) throw unusable(path, `has ${stats.size} bytes, more than ${MAX_BYTES}`)
    const bytes = stats.size <= SMALL_BYTES ? readFileSync(file) : await promisify(readFile)(file)
    const text = bytes.toString('utf8')
    return { text, utf8: !text.includes('\ufffd') || Buffer.from(text).equals(bytes) }
  } finally {
    closeSync(file)
  }
}
