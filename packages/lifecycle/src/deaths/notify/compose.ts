import { stripVTControlCharacters } from 'node:util'
import { isIdentity, maskBearers } from '@iapeer/core/identity'
import { lastWords, publishedKiller } from '@iapeer/forensics'
import { readTally, type SessionEnding } from '../../sessions/index.ts'
import type { JudgedDeath } from '../judge.ts'
import { type DeathView, deathViewOf } from '../report.ts'
import type { Notification } from './notification.ts'

const LINE_MAX = 200

/** Words that look like a secret: long ones with digits, and values that are named like one. */
const LONG_WORD = /(?=[\w+/=.-]*\d)(?=[\w+/=.-]*[A-Za-z])[\w+/=-]{24,}/g
/** The prefixes of the keys of well-known services. */
const KEY = /\b(?:sk|pk|gh[opsu]|github_pat|xox[abprs]|AKIA|glpat)[-_]?[\w-]{8,}/g
const NAMED_VALUE =
  /((?:api[_-]?key|token|secret|passw(?:or)?d|authorization|bearer)["']?(?:\s*[=:]\s*|\s+)["']?(?:bearer\s+)?)[^\s"']{4,}/gi
const IN_URL = /:\/\/[^\s/@]+@/g

/** Returns a line of a screen for a notification: without control characters and words that look like secrets, cut. */
export function cleanLine(line: string): string {
  const text = maskBearers(stripVTControlCharacters(line).replace(/[\p{Cc}\p{Cf}]+/gu, ' '))
    .replace(IN_URL, '://***@')
    .replace(NAMED_VALUE, '$1***')
    .replace(KEY, '***')
    .replace(LONG_WORD, '***')
    .trim()
  return text.length > LINE_MAX ? `${text.slice(0, LINE_MAX).replace(/[\ud800-\udbff]$/, '')}…` : text
}

/** Returns a death as a notification has it: the record's details about the killer's ancestors do not all leave the machine. */
function publishedView(death: JudgedDeath): DeathView {
  const view = deathViewOf(death)
  return view.killer === undefined ? view : { ...view, killer: publishedKiller(view.killer) }
}

function lastLineOf({ findings }: JudgedDeath): string | undefined {
  const line = findings.snapshot === undefined ? undefined : lastWords(findings.snapshot)
  return line === undefined ? undefined : cleanLine(line) || undefined
}

/** Formats a duration in one unit: `4 s`, `5 min`, `2 h`. */
export function durationText(ms: number): string {
  const secs = Math.max(0, Math.round(ms / 1_000))
  if (secs < 120) return `${secs} s`
  return secs < 7_200 ? `${Math.round(secs / 60)} min` : `${Math.round(secs / 3_600)} h`
}

/** Finds what follows the death of a generation; undefined where that was not decided: a watched server, an earlier version. */
async function endingOf(root: string, { record }: JudgedDeath): Promise<SessionEnding | undefined> {
  const { identity, gen } = record
  if (gen === undefined || !isIdentity(identity)) return undefined
  return (await readTally(root, identity)).endings.find((one) => one.gen === gen)
}

/** What follows a death, as text. Pure. */
function nextText(
  { crashes, window, next, startAt, attempt, attempts }: SessionEnding,
  now: Date,
): string | undefined {
  if (next === 'crash-loop') {
    const seen =
      crashes === undefined || window === undefined
        ? 'a crash loop'
        : `${crashes} ${crashes === 1 ? 'death' : 'deaths'} in ${durationText(window * 1_000)}`
    return `not restarted: ${seen}`
  }
  if (next === 'stay-down') return 'not restarted: its restart policy does not ask for it'
  if (next !== 'start' || startAt === undefined) return undefined
  const waitMs = Date.parse(startAt) - now.getTime()
  const which = attempt === undefined || attempts === undefined ? '' : `, attempt ${attempt} of ${attempts}`
  if (waitMs <= -1_000) return `its restart was due ${durationText(-waitMs)} ago${which}`
  return `restarting in ${durationText(waitMs)}${which}`
}

function nextOfGroup(endings: readonly (SessionEnding | undefined)[]): string | undefined {
  const known = endings.filter((one) => one?.next !== undefined)
  if (known.length === 0) return undefined
  const restarted = known.filter((one) => one?.next === 'start').length
  return `${restarted} of ${endings.length} are restarted`
}

/** The notification about a group of deaths with one cause, and whether every peer of it is restarted. */
export interface Composed {
  readonly notification: Notification
  readonly isRestarted: boolean
}

/** Returns the time of an incident that nothing observed: when it was last not the case, and when it was found. */
function bracketText({ record }: JudgedDeath, seenAlive: string | undefined): string {
  return seenAlive === undefined
    ? ''
    : `, between ${seenAlive} (last seen running) and ${record.ts} (found dead)`
}

/** Composes the notification about deaths with one cause; undefined for no deaths. @param next what follows an incident */
export async function compose(
  root: string,
  group: readonly JudgedDeath[],
  { now, next: nextOfIncident }: { readonly now: Date; readonly next?: string | undefined },
): Promise<Composed | undefined> {
  const [first] = group
  if (first === undefined) return undefined
  const { record, judged, incident } = first
  const { verdict, confidence } = judged
  const endings = await Promise.all(group.map((death) => endingOf(root, death)))
  const deaths = group.map(publishedView)
  const common = { schemaVersion: 1, verdict, confidence, deaths } as const
  const isRestarted = endings.every((one) => one?.next === 'start')
  if (incident !== undefined && group.length > 1) {
    const when = bracketText(first, incident.seenAlive)
    const summary = `${group.length} peers died of one cause (${incident.cause})${when}: ${judged.summary}`
    const next = nextOfIncident ?? nextOfGroup(endings)
    return { notification: { ...common, id: incident.id, kind: 'incident', summary, next }, isRestarted }
  }
  const [ending] = endings
  const kind = ending?.next === 'crash-loop' ? 'gave-up' : 'death'
  return {
    notification: {
      ...common,
      id: record.id,
      kind,
      identity: record.identity,
      summary: `${record.identity}: ${judged.summary}${bracketText(first, record.seenAlive)}`,
      next: ending === undefined ? undefined : nextText(ending, now),
      lastLine: lastLineOf(first),
    },
    isRestarted,
  }
}
