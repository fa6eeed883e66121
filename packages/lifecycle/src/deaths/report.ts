import { IapeerError } from '@iapeer/core/errors'
import { matchesPeer } from '@iapeer/core/identity'
import type { Confidence, ExitRecord, Killer, Verdict, VerdictWord } from '@iapeer/forensics'
import { collectAddenda } from './evidence/addendum.ts'
import { type JudgedDeath, judgeAmong, readDeathRecords } from './judge.ts'

/** A death and its verdict: what `iapeer deaths --json` prints. */
export type DeathView = ExitRecord & {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  readonly killer?: Killer | undefined
  /** The id of the incident that the death is part of. */
  readonly incident?: string | undefined
}

/** A death with its full autopsy: verdict, evidence and advice. */
export type DeathReport = DeathView & { readonly autopsy: Verdict }

export interface DeathQuery {
  /** The earliest time, ISO-8601. @default all */
  readonly since?: string | undefined
  /** The name of a peer, or one identity. */
  readonly peer?: string | undefined
  /** Only the newest deaths, at most this many. @default all */
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

/** Judges the deaths that match a query, in the order of recording. */
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

/** Saves late evidence; a failure (full disk, read-only user) is ignored: the death is judged without it. */
const saveEvidence = (root: string, record: ExitRecord): Promise<unknown> =>
  collectAddenda(root, [record], { env: process.env, now: new Date() })

/**
 * Judges one recorded death together with those that may share its cause: near in time, or of the same reboot. Saves the late
 * evidence of the system first, unless that was done.
 */
export async function judgeDeath(
  root: string,
  record: ExitRecord,
  records: readonly ExitRecord[],
): Promise<JudgedDeath> {
  await saveEvidence(root, record)
  const [death] = await judgeAmong(root, records, ({ id }) => id === record.id)
  if (death === undefined) throw new RangeError(`${record.id} is not among the given records`)
  return death
}

/** Finds a death by its id. The generation decides: the id may have an earlier name of the peer. */
export function recordOfId(records: readonly ExitRecord[], id: string): ExitRecord | undefined {
  const [, gen] = /-([0-9a-f]{16})$/.exec(id) ?? []
  return (
    records.find((one) => one.id === id) ??
    (gen === undefined ? undefined : records.find((one) => one.gen === gen))
  )
}

/** Judges the death with an id. @throws IapeerError `no-such-death` */
export async function deathView(root: string, id: string): Promise<DeathReport> {
  const records = await readDeathRecords(root)
  const record = recordOfId(records, id)
  if (record === undefined)
    throw new IapeerError(`no death has the id ${JSON.stringify(id)}`, {
      code: 'no-such-death',
      hint: 'List the recorded deaths: iapeer deaths',
    })
  const death = await judgeDeath(root, record, records)
  return { ...deathViewOf(death), autopsy: death.judged }
}
