import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf, IapeerError } from '../errors/index.ts'

/** The limit of a file; the files of iapeer are much smaller. */
const MAX_BYTES = 64 * 1024 * 1024
/** A file of at most this size is read without the thread pool, each call to which takes longer than all of its reads. */
const SMALL_BYTES = 64 * 1024
/** Without O_NONBLOCK, opening a pipe would wait for a writer. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

function unusable(path: string, why: string): IapeerError {
  return new IapeerError(`${path} ${why}`, {
    code: 'unusable-file',
    hint: 'Move it away, or replace it with a valid file.',
  })
}

/** Returns undefined for a file that does not exist. @throws IapeerError `unusable-file`; any other error */
function failedOpen(path: string, error: unknown): undefined {
  const code = errnoOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  if (code === 'ELOOP') throw unusable(path, 'is a symbolic link that leads to itself')
  throw error
}

function assertUsable(path: string, stats: Stats): void {
  if (!stats.isFile()) throw unusable(path, 'is not a regular file')
  if (stats.size > MAX_BYTES) throw unusable(path, `has ${stats.size} bytes, more than ${MAX_BYTES}`)
}

/** Reads a file in the thread pool. @returns undefined if it does not exist */
async function readPooled(path: string): Promise<Buffer | undefined> {
  const file = await open(path, FLAGS).catch((error: unknown) => failedOpen(path, error))
  if (file === undefined) return undefined
  try {
    assertUsable(path, await file.stat())
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function openNow(path: string): number | undefined {
  try {
    return openSync(path, FLAGS)
  } catch (error) {
    return failedOpen(path, error)
  }
}

/** Reads a small file. @returns undefined if it does not exist; `large` if it is not small */
function readNow(path: string): Buffer | 'large' | undefined {
  const file = openNow(path)
  if (file === undefined) return undefined
  try {
    const stats = fstatSync(file)
    assertUsable(path, stats)
    return stats.size <= SMALL_BYTES ? readFileSync(file) : 'large'
  } finally {
    closeSync(file)
  }
}

/** Options of {@link readRegularFile}. */
export interface ReadOptions {
  /** Whether the disk may hang, as a network disk does that has a home: this process goes on meanwhile, but the read takes longer. @default false */
  readonly mayHang?: boolean
}

/**
 * Reads the text of a regular file. It does not block on a pipe or a device.
 * @returns undefined if the file does not exist; `utf8: false` if its bytes are not valid UTF-8
 * @throws IapeerError `unusable-file` for anything but a regular file of at most 64 MiB; the Node.js system error
 */
export async function readRegularFile(
  path: string,
  { mayHang = false }: ReadOptions = {},
): Promise<{ readonly text: string; readonly utf8: boolean } | undefined> {
  const found = mayHang ? 'large' : readNow(path)
  const bytes = found === 'large' ? await readPooled(path) : found
  if (bytes === undefined) return undefined
  const text = bytes.toString('utf8')
  return { text, utf8: !text.includes('\ufffd') || Buffer.from(text).equals(bytes) }
}
