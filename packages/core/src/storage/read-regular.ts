import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errnoOf, IapeerError } from '../errors/index.ts'

/** Larger than any file of ours can usefully be. */
const MOST_BYTES = 64 * 1024 * 1024

function unusable(path: string, why: string): IapeerError {
  return new IapeerError(`${path} ${why}`, {
    code: 'unusable-file',
    hint: 'Move it away, or put the right file in its place.',
  })
}

async function openRegular(path: string): Promise<FileHandle | undefined> {
  try {
    // Without O_NONBLOCK a pipe in its place would be waited for.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP') throw unusable(path, 'is a symbolic link that leads to itself')
    throw error
  }
}

/**
 * The text of a file, if there is one. Never waits for anything but the disk.
 * @returns undefined where there is none; `utf8: false` where its bytes are no UTF-8
 * @throws IapeerError `unusable-file` for anything but a regular file of at most 64 MiB; the Node system error
 */
export async function readRegularFile(
  path: string,
): Promise<{ readonly text: string; readonly utf8: boolean } | undefined> {
  const file = await openRegular(path)
  if (file === undefined) return undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw unusable(path, 'is no regular file')
    if (stats.size > MOST_BYTES) throw unusable(path, `has ${stats.size} bytes, more than ${MOST_BYTES}`)
    const bytes = await file.readFile()
    const text = bytes.toString('utf8')
    return { text, utf8: !text.includes('\ufffd') || Buffer.from(text).equals(bytes) }
  } finally {
    await file.close()
  }
}
