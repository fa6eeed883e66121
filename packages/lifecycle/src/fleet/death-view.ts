import { readFile } from 'node:fs/promises'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { readLog } from '@iapeer/core/storage'
import {
  type ExitRecord,
  type Findings,
  judge,
  type Killer,
  killerOf,
  parseExitsLog,
  parseSnapshot,
  parseWitness,
  type Verdict,
  type Witness,
} from '@iapeer/forensics'

/** A death with its killer, where one is known: what `iapeer deaths --json` prints. */
export type DeathView = ExitRecord & { readonly killer?: Killer | undefined }

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

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

/** Every recorded death, in the order of recording. */
export async function readDeathRecords(root: string): Promise<readonly ExitRecord[]> {
  return parseExitsLog(readLog(rootLayout(root).records.exitsLog)).records
}

/** Beside `<identity>-<gen>.txt` lies `<identity>-<gen>.witness`, when somebody was seen. */
async function readWitness(record: ExitRecord): Promise<Witness | undefined> {
  if (record.cause !== 'killed-by-command' || record.forensics === undefined) return undefined
  return parseWitness(await textOf(record.forensics.replace(/\.txt$/, '.witness')))
}

/** Snapshot and witness of a death, as far as they can be read. */
export async function readFindings(record: ExitRecord): Promise<Findings> {
  const snapshot = record.forensics === undefined ? undefined : parseSnapshot(await textOf(record.forensics))
  return { snapshot, witness: await readWitness(record) }
}

/** A record with its killer, where one is known. */
export async function withKiller(record: ExitRecord): Promise<DeathView> {
  const killer = killerOf(await readWitness(record))
  return killer === undefined ? record : { ...record, killer }
}

const isOf = (identity: string, peer: string): boolean =>
  identity === peer || parseIdentity(identity)?.personality === peer

/** Deaths, oldest first. */
export async function deathViews(root: string, query: DeathQuery = {}): Promise<DeathView[]> {
  const { since, peer, limit } = query
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since)
  const records = (await readDeathRecords(root)).filter(
    (record) => (peer === undefined || isOf(record.identity, peer)) && Date.parse(record.ts) >= from,
  )
  const newest = limit === undefined ? records : records.slice(Math.max(0, records.length - limit))
  return Promise.all(newest.map(withKiller))
}

/** One death by its id, judged. @throws IapeerError `no-such-death` */
export async function deathView(root: string, id: string): Promise<DeathReport> {
  const record = (await readDeathRecords(root)).find((one) => one.id === id)
  if (record === undefined)
    throw new IapeerError(`no death is recorded of the id ${JSON.stringify(id)}`, {
      code: 'no-such-death',
      hint: 'iapeer deaths shows what is recorded.',
    })
  const findings = await readFindings(record)
  const killer = killerOf(findings.witness)
  return { ...record, ...(killer === undefined ? {} : { killer }), autopsy: judge(record, findings) }
}
