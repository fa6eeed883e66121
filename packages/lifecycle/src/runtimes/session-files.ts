import { open, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { namesIn } from '@iapeer/core/storage'

/** A file and the time of its last write, in milliseconds since the epoch. */
interface WrittenFile {
  readonly path: string
  readonly writtenMs: number
}

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')

/** Returns the real path of a directory, or the given path if the directory does not exist. */
export async function realDirectory(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (isAbsent(error)) return path
    throw error
  }
}

/** Returns the time of the last write, in milliseconds since the epoch; undefined if the file does not exist. */
export async function writtenMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Returns the files of a directory whose names match, the newest first; none if the directory does not exist. */
export async function newestFiles(
  directory: string,
  name: RegExp,
  recursive = false,
): Promise<WrittenFile[]> {
  const names = await namesIn(directory, { recursive, ignoreMissingDirectory: true })
  const paths = names.filter((one) => name.test(one)).map((one) => join(directory, one))
  const files = await Promise.all(
    paths.map(async (path) => ({ path, writtenMs: (await writtenMs(path)) ?? Number.NEGATIVE_INFINITY })),
  )
  return files.sort((one, other) => other.writtenMs - one.writtenMs)
}

/** Returns the first bytes of a file, enough to find its fields; empty if the file does not exist. @param bytes @default 65536 */
export async function headOf(path: string, bytes = 65_536): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isAbsent(error)) return ''
    throw error
  }
}

/** Returns the text of the first `"name":"text"` in the start of a JSON file, which may be cut anywhere. */
export function firstField(head: string, name: string): string | undefined {
  const [, quoted] = new RegExp(`"${name}":("(?:[^"\\\\]|\\\\.)*")`).exec(head) ?? []
  if (quoted === undefined) return undefined
  const value: unknown = JSON.parse(quoted)
  return typeof value === 'string' ? value : undefined
}
