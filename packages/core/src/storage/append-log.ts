import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'
import { makePrivateDirectory } from './private-directory.ts'
import { LOG_MAX_BYTES, type LogLimits, rotateLog } from './rotate-log.ts'

const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
const NEWLINE = 10

function endsInsideLine(file: number, size: number): boolean {
  const last = Buffer.alloc(1)
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE
}

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

/** @returns the size of the file, or undefined when it was rotated out of existence before the write */
function appendOnce(path: string, lines: string): number | undefined {
  const file = openSync(path, APPEND, 0o600)
  try {
    const { size } = fstatSync(file)
    // A line that a full disk or a kill has torn ends here, and takes none of ours with it.
    writeWhole(file, endsInsideLine(file, size) ? `\n${lines}` : lines)
    const after = fstatSync(file)
    return after.nlink === 0 ? undefined : after.size
  } finally {
    closeSync(file)
  }
}

/** How {@link appendLog} appends. */
export interface AppendOptions extends LogLimits {
  /** Makes the directory of the log, 0700, where it is missing. @default false */
  readonly makeDirectory?: boolean
  /** Gets the Node system error of a failed rotation; the lines are written then. @default it is thrown */
  readonly onRotationFailure?: (error: unknown) => void
}

function append(path: string, lines: string): number {
  let size: number | undefined
  while (size === undefined) size = appendOnce(path, lines)
  return size
}

async function appendMakingDirectory(path: string, lines: string): Promise<number> {
  try {
    return append(path, lines)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    await makePrivateDirectory(dirname(path))
    return append(path, lines)
  }
}

/**
 * Appends whole lines to a log in one write; any number of processes may do so. The file is made 0600; one that has
 * grown past the limit is rotated. A symbolic link at `path` is refused. Where the directory exists, the lines are in the
 * file before the returned promise settles, at once.
 * @param lines one or more lines, each with its newline
 * @throws IapeerError `not-a-line`; the Node system error (`ENOSPC`, `ELOOP`, ...), of the rotation too: then the lines
 *   are written, and the file goes on growing
 */
export async function appendLog(path: string, lines: string, options: AppendOptions = {}): Promise<void> {
  if (!lines.endsWith('\n'))
    throw new IapeerError('a log entry must end with a newline', { code: 'not-a-line' })
  const { makeDirectory, onRotationFailure, ...limits } = options
  const size = makeDirectory === true ? await appendMakingDirectory(path, lines) : append(path, lines)
  if (size < (limits.maxBytes ?? LOG_MAX_BYTES)) return
  try {
    await rotateLog(path, limits)
  } catch (error) {
    if (onRotationFailure === undefined || errnoOf(error) === undefined) throw error
    onRotationFailure(error)
  }
}
