import { IapeerError } from '@iapeer/core/errors'
import { matchesPeer } from '@iapeer/core/identity'
import type { Confidence, ExitRecord, Killer, Verdict, VerdictWord } from '@iapeer/forensics'
import { type DeathContext, readContext } from './context.ts'
import { readDeathRecords } from './death-records.ts'
import { collectAddenda } from './evidence/addendum.ts'
import { type JudgedDeath, type JudgeOptions, judgeAmong } from './judge.ts'
import { deathUsage } from './usage/death-usage.ts'
import type { DeathUsage } from './usage/usage-trend.ts'

/** A death and its verdict: what `iapeer deaths --json` prints. */
export type DeathView = ExitRecord & {
  readonly verdict: VerdictWord
  readonly confidence: Confidence
  readonly killer?: Killer | undefined
  /** The id of the incident that the death is part of. */
  readonly incident?: string | undefined
  /** The late evidence of the system was not collected yet: the confidence is at most medium, and may rise. */
  readonly provisional?: true
}

/** A death with its full autopsy: verdict, evidence and advice. */
export type DeathReport = DeathView &
  DeathContext & {
    readonly autopsy: Verdict
    /** What it used in the last minutes before its death. */
    readonly usage?: DeathUsage | undefined
  }

export interface DeathQuery {
  /** The earliest time, ISO-8601. @default all */
  readonly since?: string | undefined
  /** The name of a peer, or one identity. */
  readonly peer?: string | undefined
  /** Only the newest deaths, at most this many. @default all */
  readonly limit?: number | undefined
}

export function deathViewOf({ record, judged, incident, isProvisional }: JudgedDeath): DeathView {
  const { verdict, confidence, killer } = judged
  return {
    ...record,
    verdict,
    confidence,
    ...(killer === undefined ? {} : { killer }),
    ...(incident === undefined ? {} : { incident: incident.id }),
    ...(isProvisional === true ? { provisional: true } : {}),
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
  await saveEvidence(root, [...newest])
  return (await judgeAmong(root, records, (record) => newest.has(record))).map(deathViewOf)
}

/** A command does not wait longer for the logs of the system; deaths without their lines stay provisional. */
const EVIDENCE_MS = 5_000

/**
 * Saves the late evidence of deaths, unless that was done. A failure (full disk, read-only user) is ignored: the death is judged
 * without it.
 */
export async function saveEvidence(root: string, records: readonly ExitRecord[]): Promise<void> {
  await collectAddenda(root, records, { env: process.env, now: new Date(), withinMs: EVIDENCE_MS })
}

/**
 * Judges one recorded death together with those that may share its cause: near in time, or of the same reboot. Saves the late
 * evidence of the system first, unless that was done.
 */
export async function judgeDeath(
  root: string,
  record: ExitRecord,
  records: readonly ExitRecord[],
  options: JudgeOptions = {},
): Promise<JudgedDeath> {
  await saveEvidence(root, [record])
  const [death] = await judgeAmong(root, records, ({ id }) => id === record.id, options)
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
  const usage = await deathUsage(root, record)
  return {
    ...deathViewOf(death),
    ...(await readContext(root, record.id)),
    autopsy: death.judged,
    ...(usage === undefined ? {} : { usage }),
  }
}
