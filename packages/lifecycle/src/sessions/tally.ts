import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallerEnvironment, isCallerVariable } from '@iapeer/core/exec'
import type { Identity } from '@iapeer/core/identity'
import { fieldsOf, list, number, parseFields, text, word } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { quarantine, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { type PinnedConversation, parseConversation } from './pinned-conversation.ts'

/** How many endings are kept. */
const ENDINGS_MAX = 16
/** How many topics are kept. */
const TOPICS_MAX = 16

/** How often in a row an identity may fail to resume its conversation, until it is not started any more. */
export const RESUMES_MAX = 3

const NEXT_STEPS = ['stay-down', 'crash-loop', 'start'] as const

/** The end of one session. */
export interface SessionEnding {
  readonly gen: string
  /** ISO-8601 UTC. */
  readonly ts: string
  /** False where it exited with code 0, was stopped, or ended with a reboot. */
  readonly crash: boolean
  /** Whether a death was recorded. */
  readonly death: boolean
  /** The incident that it is part of: then it does not count towards a crash loop. */
  readonly incident?: string | undefined
  /** Set where the peer was renamed since: the identity in the id of its record. */
  readonly recordedAs?: string | undefined
  /** What was decided to follow it; undefined where no daemon decided. */
  readonly next?: (typeof NEXT_STEPS)[number] | undefined
  /** When the restart that follows it is due, ISO-8601 UTC. */
  readonly startAt?: string | undefined
  /** Which of the restarts before it counts as a crash loop that restart is, from 1, and how many these are. */
  readonly attempt?: number | undefined
  readonly attempts?: number | undefined
  /** For a crash loop: the number of crashes within its window. */
  readonly crashes?: number | undefined
  /** The window of a crash loop, in seconds. */
  readonly window?: number | undefined
}

const LAST_ENDS = ['crash', 'self-close', 'idle', 'stopped', 'reboot'] as const
/** How a session ended: exited with code 0 (`self-close`), suspended (`idle`), `stopped`, ended by a `reboot`, else `crash`. */
export type LastEnd = (typeof LAST_ENDS)[number]

/** The PATH and locale with which an identity was last started on request; its restarts use them again. */
export interface RecordedEnvironment {
  /** When it was recorded, ISO-8601 UTC. */
  readonly at: string
  readonly variables: CallerEnvironment
  /** The directories of its PATH that did not exist then. */
  readonly missing: readonly string[]
}

/** The recent history of an identity and its planned start: `state/lifecycle/<identity>.tally`. */
export interface Tally {
  /** Oldest first, at most 16. */
  readonly endings: readonly SessionEnding[]
  /** When it entered a crash loop, ISO-8601; undefined while it is not in one. */
  readonly loopSince?: string | undefined
  /** The number of restarts in a row without a healthy session in between. */
  readonly restarts: number
  /** When it is to be started again, ISO-8601. */
  readonly startAt?: string | undefined
  readonly startMode?: 'fresh' | 'resume' | undefined
  /** Whether a start that cannot resume the conversation begins a new one, after {@link RESUMES_MAX} attempts. */
  readonly startOrFresh?: true | undefined
  /** The conversation of its last session that has ended. Undefined: no session of this version has ended. */
  readonly conversation?: PinnedConversation | undefined
  /** The number of starts in a row that could not resume the conversation; absent for 0. */
  readonly failedResumes?: number | undefined
  /** Why the last one of them failed. */
  readonly resumeProblem?: string | undefined
  readonly lastEnd?: LastEnd | undefined
  /** What its sessions were about, oldest first, at most 16. */
  readonly topics: readonly string[]
  /** Undefined until a request with a PATH or locale has started it. */
  readonly environment?: RecordedEnvironment | undefined
}

export const EMPTY_TALLY: Tally = { endings: [], restarts: 0, topics: [] }

export const tallyFileName = (identity: Identity): string => `${identity}.tally`
const pathOf = (root: string, identity: Identity): string =>
  join(rootLayout(root).lifecycleStateDir, tallyFileName(identity))

function parseEnding(value: unknown): SessionEnding[] {
  const { gen, ts, crash, death, incident, recordedAs } = fieldsOf(value)
  const [ofGen, at] = [text(gen), text(ts)]
  if (ofGen === undefined || at === undefined) return []
  const named = text(recordedAs)
  const known = fieldsOf(value)
  const plan = {
    next: word(known['next'], NEXT_STEPS),
    startAt: text(known['startAt']),
    attempt: number(known['attempt']),
    attempts: number(known['attempts']),
    crashes: number(known['crashes']),
    window: number(known['window']),
  }
  return [
    {
      gen: ofGen,
      ts: at,
      crash: crash === true,
      death: death === true,
      incident: text(incident),
      ...(named === undefined ? {} : { recordedAs: named }),
      ...Object.fromEntries(Object.entries(plan).filter(([, one]) => one !== undefined)),
    },
  ]
}

function parseEnvironment(value: unknown): RecordedEnvironment | undefined {
  const { at, variables, missing } = fieldsOf(value)
  const recordedAt = text(at)
  if (recordedAt === undefined) return undefined
  const known = Object.entries(fieldsOf(variables)).flatMap(([name, one]) => {
    const set = text(one)
    return set !== undefined && isCallerVariable(name, set) ? [[name, set] as const] : []
  })
  return {
    at: recordedAt,
    variables: Object.fromEntries(known),
    missing: list(missing).flatMap((one) => text(one) ?? []),
  }
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
    ...(fields['startOrFresh'] === true ? { startOrFresh: true as const } : {}),
    conversation: parseConversation(fields['conversation']),
    failedResumes: number(fields['failedResumes']),
    resumeProblem: text(fields['resumeProblem']),
    lastEnd: word(fields['lastEnd'], LAST_ENDS),
    topics: list(fields['topics']).flatMap((one) => text(one) ?? []),
    environment: parseEnvironment(fields['environment']),
  }
}

/** Reads the tally of an identity; empty where there is none. A corrupt file is set aside as `<name>.corrupt`. */
export async function readTally(root: string, identity: Identity): Promise<Tally> {
  const path = pathOf(root, identity)
  const found = await readRegularFile(path)
  if (found === undefined) return EMPTY_TALLY
  const tally = parseTally(found.text)
  if (tally === undefined) quarantine(path, { text: found.text })
  return tally ?? EMPTY_TALLY
}

/** Changes the tally of an identity. The caller holds the lock of the identity. @returns the new tally */
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

/** Returns a tally whose failed resumes are forgotten. */
export const withoutFailedResumes = (tally: Tally): Tally =>
  tally.failedResumes === undefined && tally.resumeProblem === undefined
    ? tally
    : { ...tally, failedResumes: undefined, resumeProblem: undefined }

/** Counts the crashes within the last `windowSecs` that are not part of an incident. */
export function countedCrashes(tally: Tally, now: Date, windowSecs: number): number {
  const since = now.getTime() - windowSecs * 1_000
  return tally.endings.filter((one) => one.crash && one.incident === undefined && Date.parse(one.ts) >= since)
    .length
}
