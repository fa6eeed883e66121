import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf } from '@iapeer/core/errors'

/**
 * Marks the beginning of a run in a pane log, as a control sequence that terminals ignore and that readers of earlier versions
 * remove: OSC 8973, the time, BEL, newline. The group is the time.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins and ends with one
export const RUN_MARK = /\u001b\]8973;iapeer-run;(\d{4}-\d\d-\d\dT[\d:.]{8,15}Z)\u0007\n/

const runMark = (at: Date): string => `\u001b]8973;iapeer-run;${at.toISOString()}\u0007\n`

/** Appends the mark of a run that begins now to a pane log. A log that cannot be written does not prevent a launch. */
export async function markRun(paneLog: string): Promise<void> {
  try {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
    const file = await open(paneLog, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    try {
      await file.write(runMark(new Date()))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}
