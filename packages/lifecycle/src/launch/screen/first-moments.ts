import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { waitUntil } from '@iapeer/core/async'
import { IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { readRegularFile } from '@iapeer/core/storage'

/** A program that cannot do its work ends within this time, mostly. */
const WATCH_MS = 120
const LOG_MS = 300
const LAST_LINES = 15

/**
 * The last lines of a pane log, as a person would have seen them.
 * @param from where to begin, in bytes; a log that is shorter was begun anew. @default 0
 */
export async function lastLines(paneLog: string, from = 0): Promise<string> {
  const bytes = Buffer.from((await readRegularFile(paneLog))?.text ?? '')
  const own = bytes.subarray(from <= bytes.length ? from : 0).toString()
  const text = stripVTControlCharacters(own).replace(/\r/g, '')
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-LAST_LINES)
    .join('\n')
}

/** Where what a pane prints is kept, and how much of it is of an earlier life, in bytes. */
export interface PaneLog {
  readonly path: string
  readonly from: number
}

/** What tmux has read of it is in the log a moment later. */
async function lastWords({ path, from }: PaneLog): Promise<string> {
  const said = async (): Promise<string | undefined> => (await lastLines(path, from)) || undefined
  return (await waitUntil(said, { limitMs: LOG_MS })) ?? ''
}

/**
 * Sees whether the program outlives its first moments.
 * @throws IapeerError `program-ended`, with what it said
 */
export async function watchFirstMoments(
  identity: string,
  leader: ProcessId | undefined,
  paneLog: PaneLog,
): Promise<void> {
  const until = performance.now() + WATCH_MS
  while (leader !== undefined && performance.now() < until) {
    if ((await observeProcess(leader)) === 'gone') break
    await sleep(10)
    if (performance.now() >= until) return
  }
  const said = await lastWords(paneLog)
  throw new IapeerError(
    `the program of ${identity} ended at once${said === '' ? '' : `. It said:\n${said}`}`,
    {
      code: 'program-ended',
      hint: `How it ended: iapeer autopsy ${identity}`,
    },
  )
}
