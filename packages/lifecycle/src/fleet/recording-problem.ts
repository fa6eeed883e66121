import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readLog } from '@iapeer/core/storage'

/** A record and its snapshot need about this much space, in bytes. */
const RECORD_BYTES = 64 * 1024

/** The reasons for which a directory does not take a record, by errno. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
}

async function writeProblem(directory: string): Promise<string | undefined> {
  try {
    await access(directory, constants.W_OK)
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize < RECORD_BYTES ? 'the disk is full' : undefined
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    // The directories are made with the first record.
    return code === 'ENOENT' ? undefined : (REASONS[code] ?? code)
  }
}

function readProblem(path: string): string | undefined {
  try {
    readLog(path)
    return undefined
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return REASONS[code] ?? code
  }
}

/** Returns why recorded deaths cannot be read, or new ones cannot be written; undefined where both work. */
export async function recordingProblem(root: string): Promise<string | undefined> {
  const { exitsLog, deathsDir } = rootLayout(root).records
  const unread = readProblem(exitsLog)
  if (unread !== undefined) return `${exitsLog} cannot be read: ${unread}`
  for (const directory of new Set([dirname(exitsLog), deathsDir])) {
    const unwritten = await writeProblem(directory)
    if (unwritten !== undefined) return `${directory} cannot be written: ${unwritten}`
  }
  return undefined
}
