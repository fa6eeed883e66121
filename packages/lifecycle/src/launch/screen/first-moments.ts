import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { waitUntil } from '@iapeer/core/async'
import { IapeerError } from '@iapeer/core/errors'
import { maskBearers } from '@iapeer/core/identity'
import { observeProcess, type ProcessId, readSleep } from '@iapeer/core/process'
import { readRegularFile } from '@iapeer/core/storage'

/** Most programs that cannot work exit within this time. */
const WATCH_MS = 120
/** A program that sleeps for this long waits for something: it has finished its start. */
const ASLEEP_MS = 20
const LOOK_MS = 10
/** How long to wait for the output of an exited program to reach the pane log. */
const LOG_MS = 300
const LAST_LINES = 15

/**
 * Returns the last lines of a pane log without terminal control sequences and with bearers masked.
 * @param from where to start, in bytes; a shorter log was truncated and is read from its start. @default 0
 */
export async function lastLines(paneLog: string, from = 0): Promise<string> {
  const bytes = Buffer.from((await readRegularFile(paneLog))?.text ?? '')
  const output = bytes.subarray(from <= bytes.length ? from : 0).toString()
  const text = stripVTControlCharacters(output).replace(/\r/g, '')
  return maskBearers(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-LAST_LINES)
    .join('\n')
}

/** The log of a pane, and the number of bytes in it that belong to earlier sessions. */
export interface PaneLog {
  readonly path: string
  readonly from: number
}

/** Waits for output of this session in the pane log: tmux writes it shortly after the program exits. */
async function lastOutput({ path, from }: PaneLog): Promise<string> {
  const read = async (): Promise<string | undefined> => (await lastLines(path, from)) || undefined
  return (await waitUntil(read, { limitMs: LOG_MS })) ?? ''
}

/**
 * Waits until a program is gone, or is seen to live, or the time is over. The proof that it lives: it has slept without a pause for
 * {@link ASLEEP_MS}, and has no child, so it waits for input, a time or a message. Where that cannot be seen (macOS), only the time counts.
 * @returns whether it is gone
 */
async function isGoneAtOnce(leader: ProcessId): Promise<boolean> {
  const until = performance.now() + WATCH_MS
  let asleep: { readonly scheduled: number; readonly since: number } | undefined
  while ((await observeProcess(leader)) !== 'gone') {
    const now = performance.now()
    if (now >= until) return false
    const scheduled = readSleep(leader.pid)
    if (scheduled === undefined || scheduled !== asleep?.scheduled)
      asleep = scheduled === undefined ? undefined : { scheduled, since: now }
    else if (now - asleep.since >= ASLEEP_MS) return false
    await sleep(LOOK_MS)
  }
  return true
}

/**
 * Watches the first moments of a program: until it is seen to live, at most {@link WATCH_MS}.
 * @throws IapeerError `program-ended`, with the last output of the program
 */
export async function watchFirstMoments(
  identity: string,
  leader: ProcessId | undefined,
  paneLog: PaneLog,
): Promise<void> {
  if (leader !== undefined && !(await isGoneAtOnce(leader))) return
  const output = await lastOutput(paneLog)
  throw new IapeerError(
    `the program of ${identity} exited at once${output === '' ? '' : `. Its output:\n${output}`}`,
    {
      code: 'program-ended',
      hint: `See why: iapeer autopsy ${identity}`,
    },
  )
}
