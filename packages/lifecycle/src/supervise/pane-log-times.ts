import { constants } from 'node:fs'
import { lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

/** The size that a pane log had at a time. */
export interface PaneLogTime {
  /** Milliseconds since the epoch. */
  readonly atMs: number
  readonly bytes: number
}

/** A file of times that is longer keeps its newer half. In bytes; a line has about 35. */
const MAX_BYTES = 256 * 1024

const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]{8,15}Z) (\d{1,15})$/
const pathOf = (paneLog: string): string => `${paneLog}.times`

/** Parses the lines of a file of times. What was noted before the log was last truncated does not count. */
function parseTimes(text: string): PaneLogTime[] {
  let times: PaneLogTime[] = []
  for (const line of text.split('\n')) {
    const [, ts = '', size = ''] = LINE.exec(line) ?? []
    const atMs = Date.parse(ts)
    if (Number.isNaN(atMs)) continue
    const bytes = Number(size)
    if (bytes < (times.at(-1)?.bytes ?? 0)) times = []
    times.push({ atMs, bytes })
  }
  return times
}

/** Reads the sizes that a pane log had since it was last truncated, the oldest first. */
export async function readPaneLogTimes(paneLog: string): Promise<readonly PaneLogTime[]> {
  return parseTimes((await readRegularFile(pathOf(paneLog)))?.text ?? '')
}

async function noteTime(paneLog: string, now: Date): Promise<void> {
  const entry = await lstat(paneLog)
  if (!entry.isFile()) return
  const text = (await readRegularFile(pathOf(paneLog)))?.text ?? ''
  const last = parseTimes(text).at(-1)
  if (last?.bytes === entry.size) return
  const line = `${now.toISOString()} ${entry.size}\n`
  if (text.length > MAX_BYTES) {
    const half = text.slice(text.indexOf('\n', text.length / 2) + 1)
    return replaceFile(pathOf(paneLog), half + line)
  }
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const file = await open(pathOf(paneLog), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  try {
    // A torn line is skipped by the reader: a newline keeps the next one apart from it.
    await file.write(text === '' || text.endsWith('\n') ? line : `\n${line}`)
  } finally {
    await file.close()
  }
}

/** The errors of a file that was removed meanwhile, that is not a regular file, or whose disk is full. */
const EXPECTED: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ELOOP',
  'EISDIR',
  'ENXIO',
  'ENOSPC',
  'EDQUOT',
  'EACCES',
])

/**
 * Notes the present size of each pane log that has grown or was truncated since the last call, so that `iapeer logs --since` finds
 * the output of a time: the logs themselves have no times.
 * @throws the Node system error if the directory cannot be read
 */
export async function notePaneLogTimes(root: string, now: Date): Promise<void> {
  const directory = rootLayout(root).paneLogDir
  let names: string[]
  try {
    names = await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  for (const name of names.filter((one) => one.endsWith('.log'))) {
    try {
      await noteTime(join(directory, name), now)
    } catch (error) {
      if (!EXPECTED.has(errnoOf(error))) throw error
    }
  }
}
