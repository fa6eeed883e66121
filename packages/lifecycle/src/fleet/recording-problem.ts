import { constants } from 'node:fs'
import { access, open, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readLog } from '@iapeer/core/storage'

/** A record and its snapshot need about this much space, in bytes. */
const RECORD_BYTES = 64 * 1024
/** A record and the state of its peer need about this many files. */
const RECORD_FILES = 16

/** The reasons for which a directory does not take a record, by errno. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your disk quota is used up',
  EMFILE: 'this process has no file descriptor left',
  ENFILE: 'this machine has no file descriptor left',
}

/** Writes and removes a file: a quota, and the limits of some file systems, show in no other way. */
async function tryToWrite(directory: string): Promise<void> {
  // The sweep of temporary files removes it if this process is killed in between.
  const path = join(directory, `probe.${process.pid}.${Date.now().toString(36)}0.tmp`)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(Buffer.alloc(RECORD_BYTES, ' '))
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}

async function writeProblem(directory: string): Promise<string | undefined> {
  try {
    await access(directory, constants.W_OK)
    const { bavail, bsize, files, ffree } = await statfs(directory)
    if (bavail * bsize < RECORD_BYTES) return 'the disk is full'
    // Some file systems have no fixed number of files.
    if (files > 0 && ffree < RECORD_FILES)
      return 'no more files can be created on its disk (no inodes are left)'
    await tryToWrite(directory)
    return undefined
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
  const { exitsLog, deathsDir, canaryDir } = rootLayout(root).records
  const unread = readProblem(exitsLog)
  if (unread !== undefined) return `${exitsLog} cannot be read: ${unread}`
  for (const directory of new Set([dirname(exitsLog), deathsDir, canaryDir])) {
    const unwritten = await writeProblem(directory)
    if (unwritten !== undefined) return `${directory} cannot be written: ${unwritten}`
  }
  return undefined
}
