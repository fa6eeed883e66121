import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import type { ExitRecord } from '@iapeer/forensics'
import type { EventLog } from '../../eventlog/index.ts'
import { collectAddenda, type EvidenceOptions, YOUNGEST_MS } from '../evidence/addendum.ts'
import { type JudgedDeath, judgeDeaths, readDeathRecords } from '../judge.ts'
import { deathViewOf } from '../report.ts'
import { layOutNews, tellWaiting } from './channels.ts'
import { readTold, writeTold } from './notified.ts'
import { listWaiting, type News, type Waiting } from './outbox.ts'

/** Deaths of one cause follow each other within this time; they are told together. */
const GATHER_MS = YOUNGEST_MS
/** What was not told for so long is no news any more. */
const STALE_MS = 24 * 60 * 60_000

/** What the system writes of a death is looked for until then; one that was told with its incident may be younger than that. */
const EVIDENCE_MS = 5 * 60_000

export interface AnnounceOptions extends EvidenceOptions {
  readonly log: EventLog
}

const ageMs = ({ record }: JudgedDeath, now: Date): number => now.getTime() - Date.parse(record.ts)

/** Deaths of one incident together, the others each for itself. */
function together(deaths: readonly JudgedDeath[]): JudgedDeath[][] {
  const groups = new Map<string, JudgedDeath[]>()
  for (const death of deaths) {
    const key = death.incident?.id ?? death.record.id
    groups.set(key, [...(groups.get(key) ?? []), death])
  }
  return [...groups.values()]
}

function newsOf(group: readonly JudgedDeath[]): News | undefined {
  const [first] = group
  if (first === undefined) return undefined
  const { record, judged, incident } = first
  const { verdict, confidence } = judged
  const deaths = group.map(deathViewOf)
  const common = { schemaVersion: 1, verdict, confidence, deaths } as const
  if (incident === undefined || group.length === 1)
    return { ...common, id: record.id, kind: 'death', summary: `${record.identity}: ${judged.summary}` }
  const summary = `${group.length} peers died of one cause (${incident.cause}): ${judged.summary}`
  return { ...common, id: incident.id, kind: 'incident', summary }
}

/** The verdict of each, and the incident they are a part of, in lifecycle.log. */
async function noteVerdicts(log: EventLog, group: readonly JudgedDeath[]): Promise<void> {
  for (const { record, judged } of group) {
    const { verdict, confidence } = judged
    await log.note({ ev: 'verdict', identity: record.identity, gen: record.gen ?? '', verdict, confidence })
  }
  const incident = group[0]?.incident
  if (incident !== undefined && group.length > 1)
    await log.note({ ev: 'incident', id: incident.id, deaths: group.length, cause: incident.cause })
}

const recentDeaths = async (root: string, now: Date): Promise<readonly ExitRecord[]> =>
  (await readDeathRecords(root)).filter(({ ts }) => now.getTime() - Date.parse(ts) < STALE_MS)

/** What cannot be written down is told without. */
async function collectEvidence(
  root: string,
  recent: readonly ExitRecord[],
  options: AnnounceOptions,
): Promise<void> {
  const fresh = recent.filter(({ ts }) => options.now.getTime() - Date.parse(ts) < EVIDENCE_MS)
  try {
    await collectAddenda(root, fresh, options)
  } catch (error) {
    const why = isIapeerError(error) ? error.message : errnoOf(error)
    if (why === undefined) throw error
    const identity = fresh[0]?.identity ?? ''
    await options.log.note({ ev: 'supervise', identity, action: 'evidence-failed', why })
  }
}

/** Where nobody has ever told any, only what dies from now on is news. */
export async function beginTelling(root: string, now: Date): Promise<void> {
  if ((await readTold(root)) !== undefined) return
  await writeTold(
    root,
    (await recentDeaths(root, now)).map(({ id }) => id),
  )
}

async function tell(root: string, all: readonly Waiting[], { env, log }: AnnounceOptions): Promise<void> {
  for (const why of await tellWaiting(root, all, env)) {
    const [death] = all.flatMap(({ news }) => news.deaths)
    const identity = death?.id.replace(/-[^-]*$/, '') ?? ''
    await log.note({ ev: 'supervise', identity, action: 'tell-failed', why })
  }
}

/** What somebody who was killed over it has laid out, and nobody has told. @returns all that were told */
async function tellLeft(
  root: string,
  told: ReadonlySet<string>,
  options: AnnounceOptions,
): Promise<ReadonlySet<string>> {
  const left = await listWaiting(root)
  if (left.length === 0) return told
  const all = new Set([...told, ...left.flatMap(({ news }) => news.deaths.map(({ id }) => id))])
  await writeTold(root, all)
  await tell(root, left, options)
  return all
}

/**
 * Judges and tells what has died and was not told yet, an incident once for all of its deaths; what is too young for its
 * incident to be whole waits. What is to be told is laid out, then noted as told, then taken by who tells it: whoever is
 * killed over it, nothing is told twice, and the next one tells what was not taken.
 * @returns the deaths that were judged, and whether some wait
 */
export async function announce(
  root: string,
  options: AnnounceOptions,
): Promise<{ readonly judged: readonly JudgedDeath[]; readonly waiting: boolean }> {
  const { env, log, now } = options
  await beginTelling(root, now)
  const told = await tellLeft(root, (await readTold(root)) ?? new Set<string>(), options)
  const recent = await recentDeaths(root, now)
  await collectEvidence(root, recent, options)
  if (recent.every(({ id }) => told.has(id))) return { judged: [], waiting: false }
  const untold = (await judgeDeaths(root, recent)).filter(({ record }) => !told.has(record.id))
  const groups = together(untold)
  const ready = groups.filter((group) => group.some((death) => ageMs(death, now) >= GATHER_MS))
  const tellingNow = new Set(told)
  for (const group of ready) {
    for (const { record } of group) tellingNow.add(record.id)
    const news = newsOf(group)
    const laid = news === undefined ? [] : await layOutNews(root, news, env)
    await writeTold(root, tellingNow)
    await noteVerdicts(log, group)
    await tell(root, laid, options)
  }
  return { judged: ready.flat(), waiting: ready.length < groups.length }
}
