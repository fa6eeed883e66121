import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import type { Mailbox } from '@iapeer/core/mailbox'
import { appendLog } from '@iapeer/core/storage'

const FILE = 'arrivals.log'
/** Enough for two hours of the usual rates; an older line never counts. */
const TAIL_BYTES = 16 * 1024
const MAX_BYTES = 64 * 1024
const MINUTE_MS = 60_000

const pathIn = (box: Mailbox): string => join(box.directory, FILE)

/**
 * Notes that a message of a sender arrived. The times are of the running host in this boot, so a clock that is set back changes nothing.
 */
export async function noteArrival(
  box: Mailbox,
  sender: string,
  at: { readonly boot: string; readonly uptimeMs: number },
): Promise<void> {
  await appendLog(pathIn(box), `${at.boot} ${Math.round(at.uptimeMs)} ${sender}\n`, {
    maxBytes: MAX_BYTES,
    keep: 1,
  })
}

function readTail(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES))
    const read = readSync(file, bytes, 0, bytes.length, Math.max(0, size - bytes.length))
    return bytes.subarray(0, read).toString('utf8')
  } finally {
    closeSync(file)
  }
}

/** Counts the messages of a sender that arrived in the last minute and hour of this boot. */
export function countArrivals(
  box: Mailbox,
  sender: string,
  now: { readonly boot: string; readonly uptimeMs: number },
): { readonly inLastMinute: number; readonly inLastHour: number } {
  const ages = [`${pathIn(box)}.1`, pathIn(box)]
    .flatMap((path) => readTail(path).split('\n'))
    .flatMap((line) => {
      const [, boot, uptimeMs, name] = /^(\S+) (\d+) (.+)$/.exec(line) ?? []
      return boot === now.boot && name === sender ? [now.uptimeMs - Number(uptimeMs)] : []
    })
  const within = (ms: number): number => ages.filter((age) => age >= -1 && age < ms).length
  return { inLastMinute: within(MINUTE_MS), inLastHour: within(60 * MINUTE_MS) }
}
