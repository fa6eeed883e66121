import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity } from '@iapeer/core/identity'
import { fieldsOf, list, number, parseFields, text, word } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { quarantine, readRegularFile, replaceFile } from '@iapeer/core/storage'

/** How many endings are remembered. */
const ENDINGS_MAX = 16
/** How many topics a session remembers. */
const TOPICS_MAX = 16

/** One end of a session of a peer. */
interface Ending {
  readonly gen: string
  /** ISO-8601 UTC. */
  readonly ts: string
  /** One that ended with exit code 0, or by a reboot, is none. */
  readonly crash: boolean
  /** Whether it is recorded. */
  readonly death: boolean
  /** The incident it is a part of: it counts against no peer then. */
  readonly incident?: string | undefined
  /** The identity in the id of its record, where its peer was renamed since. */
  readonly recordedAs?: string | undefined
}

const LAST_ENDS = ['crash', 'self-close', 'idle', 'stopped', 'reboot'] as const
/** How a session ended: by itself with exit code 0 (`self-close`), parked (`idle`), taken down (`stopped`), else `crash`. */
export type LastEnd = (typeof LAST_ENDS)[number]

/** What is remembered of an identity beyond one session: `state/lifecycle/<identity>.tally`. */
export interface Tally {
  /** The newest last, at most 16. */
  readonly endings: readonly Ending[]
  /** Since when it is in a crash loop, ISO-8601. */
  readonly loopSince?: string | undefined
  /** How many restarts have followed each other without a healthy time between. */
  readonly restarts: number
  /** When it is to be brought up again, ISO-8601. */
  readonly startAt?: string | undefined
  readonly startMode?: 'fresh' | 'resume' | undefined
  readonly lastEnd?: LastEnd | undefined
  /** What its sessions were about, the newest last, at most 16. */
  readonly topics: readonly string[]
}

const EMPTY_TALLY: Tally = { endings: [], restarts: 0, topics: [] }

const pathOf = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, `${identity}.tally`)

function parseEnding(value: unknown): Ending[] {
  const { gen, ts, crash, death, incident, recordedAs } = fieldsOf(value)
  const [ofGen, at] = [text(gen), text(ts)]
  if (ofGen === undefined || at === undefined) return []
  const named = text(recordedAs)
  return [
    {
      gen: ofGen,
      ts: at,
      crash: crash === true,
      death: death === true,
      incident: text(incident),
      ...(named === undefined ? {} : { recordedAs: named }),
    },
  ]
}

function parseTally(json: string): Tally | undefined {
  const fields = parseFields(json)
  if (fields === undefined) return undefined
  return {
    endings: list(fields['endings']).flatMap(parseEnding),
    loopSince: text(fields['loopSince']),
    restarts: number(fields['restarts']) ?? 0,
    startAt: text(fields['startAt']),
    startMode: word(fields['startMode'], ['fresh', 'resume']),
    lastEnd: word(fields['lastEnd'], LAST_ENDS),
    topics: list(fields['topics']).flatMap((one) => text(one) ?? []),
  }
}

/** A file that cannot be read as one is set aside as `<name>.corrupt`, and counting begins anew. */
export async function readTally(root: string, identity: Identity): Promise<Tally> {
  const path = pathOf(root, identity)
  const found = await readRegularFile(path)
  if (found === undefined) return EMPTY_TALLY
  const tally = parseTally(found.text)
  if (tally === undefined) quarantine(path, { text: found.text })
  return tally ?? EMPTY_TALLY
}

/** For who holds the identity's lock. @returns what it was changed to */
export async function changeTally(
  root: string,
  identity: Identity,
  change: (tally: Tally) => Tally,
): Promise<Tally> {
  const before = await readTally(root, identity)
  const after = change(before)
  if (after === before) return before
  const kept = {
    ...after,
    endings: after.endings.slice(-ENDINGS_MAX),
    topics: after.topics.slice(-TOPICS_MAX),
  }
  await replaceFile(pathOf(root, identity), `${JSON.stringify(kept)}\n`)
  return kept
}

export async function removeTally(root: string, identity: Identity): Promise<void> {
  await rm(pathOf(root, identity), { force: true })
}

/** The crashes that count at a moment: within the window, and part of no incident. */
export function countedCrashes(tally: Tally, now: Date, windowSecs: number): number {
  const since = now.getTime() - windowSecs * 1_000
  return tally.endings.filter((one) => one.crash && one.incident === undefined && Date.parse(one.ts) >= since)
    .length
}
