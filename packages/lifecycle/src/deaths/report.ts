import { IapeerError } from '@iapeer/core/errors'
import { matchesPeer } from '@iapeer/core/identity'
import type { Confidence, ExitRecord, Killer, Verdict, VerdictWord } from '@iapeer/forensics'
import { collectAddenda } from './evidence/addendum.ts'
import { type JudgedDeath, judgeAmong, readDeathRecords } from './judge.ts'

/** A death, and in a word why: what `iapeer deaths --json` prints. */
export type DeathView = ExitRecord & {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  readonly killer?: Killer | undefined
  /** The id of the incident it is a part of. */
  readonly incident?: string | undefined
}

/** A death, and what follows from all that was found of it. */
export type DeathReport = DeathView & { readonly autopsy: Verdict }

export interface DeathQuery {
  /** The earliest time, ISO-8601. */
  readonly since?: string | undefined
  /** A peer's name, or one identity. */
  readonly peer?: string | undefined
  /** At most so many, the newest ones. */
  readonly limit?: number | undefined
}

export function deathViewOf({ record, judged, incident }: JudgedDeath): DeathView {
  const { verdict, confidence, killer } = judged
  return {
    ...record,
    verdict,
    confidence,
    ...(killer === undefined ? {} : { killer }),
    ...(incident === undefined ? {} : { incident: incident.id }),
  }
}

/** Deaths, oldest first. */
export async function deathViews(root: string, query: DeathQuery = {}): Promise<DeathView[]> {
  const { since, peer, limit } = query
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since)
  const records = await readDeathRecords(root)
  const wanted = records.filter(
    ({ ts, identity }) => Date.parse(ts) >= from && (peer === undefined || matchesPeer(identity, peer)),
  )
  const newest = new Set(limit === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - limit)))
  return (await judgeAmong(root, records, (record) => newest.has(record))).map(deathViewOf)
}

/** What cannot be written down, on a full disk or by a user who may only read, is judged without. */
const askSystem = (root: string, record: ExitRecord): Promise<unknown> =>
  collectAddenda(root, [record], { env: process.env, now: new Date() })

/**
 * Judges one of the recorded deaths among those that may share its cause: of its time, and of its boot. What the system
 * knows of it by now is asked for first, unless that was done.
 */
export async function judgeDeath(
  root: string,
  record: ExitRecord,
  records: readonly ExitRecord[],
): Promise<JudgedDeath> {
  await askSystem(root, record)
  const [death] = await judgeAmong(root, records, ({ id }) => id === record.id)
  if (death === undefined)
    throw new RangeError(`${record.id} is none of the deaths it was to be judged among`)
  return death
}

/** An id says which generation; the name in it may be an earlier one of its peer. */
export function recordOfId(records: readonly ExitRecord[], id: string): ExitRecord | undefined {
  const [, gen] = /-([0-9a-f]{16})$/.exec(id) ?? []
  return (
    records.find((one) => one.id === id) ??
    (gen === undefined ? undefined : records.find((one) => one.gen === gen))
  )
}

/** One death by its id, judged. @throws IapeerError `no-such-death` */
export async function deathView(root: string, id: string): Promise<DeathReport> {
  const records = await readDeathRecords(root)
  const record = recordOfId(records, id)
  if (record === undefined)
    throw new IapeerError(`no death is recorded of the id ${JSON.stringify(id)}`, {
      code: 'no-such-death',
      hint: 'iapeer deaths shows what is recorded.',
    })
  const death = await judgeDeath(root, record, records)
  return { ...deathViewOf(death), autopsy: death.judged }
}
