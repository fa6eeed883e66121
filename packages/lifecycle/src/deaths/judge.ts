import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { readGenerationName } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { readLog, readRegularFile } from '@iapeer/core/storage'
import {
  type Confidence,
  type Death,
  type ExitRecord,
  type Findings,
  type Incident,
  judgeTogether,
  parseExitsLog,
  parseSnapshot,
  parseWitness,
  reportFiles,
  type Snapshot,
  type Verdict,
  withAddendum,
} from '@iapeer/forensics'
import { identityNow, readRenames } from '../sessions/index.ts'
import { addendumPath } from './evidence/addendum.ts'

/** What a file holds; nothing where there is none, or what is there cannot be read: one bad file hides no other death. */
export async function textOf(path: string): Promise<string> {
  try {
    return (await readRegularFile(path))?.text ?? ''
  } catch (error) {
    if (errnoOf(error) !== undefined || (isIapeerError(error) && error.code === 'unusable-file')) return ''
    throw error
  }
}

/** Every recorded death, in the order of recording, under the name that its peer has now; ids stay as they were recorded. */
export async function readDeathRecords(root: string): Promise<readonly ExitRecord[]> {
  const { records } = parseExitsLog(readLog(rootLayout(root).records.exitsLog))
  const renames = readRenames(root)
  if (renames.length === 0) return records
  return records.map((record) => {
    // A recorder may have read the old name at the moment of the rename.
    const { gen, ts } = record
    const noted = gen === undefined ? undefined : readGenerationName({ gen, ...rootRecordLocation(root) })
    const identity = identityNow(renames, noted ?? record.identity, ts)
    return identity === record.identity ? record : { ...record, identity }
  })
}

const REPORT_DIRECTORIES = [
  join(homedir(), 'Library/Logs/DiagnosticReports'),
  '/Library/Logs/DiagnosticReports',
]

/** macOS keeps its reports itself: a snapshot names them, and holds their first line. */
async function readReports(snapshot: Snapshot | undefined): Promise<ReadonlyMap<string, string>> {
  const reports = new Map<string, string>()
  if (snapshot?.platform !== 'darwin' || process.platform !== 'darwin') return reports
  for (const file of reportFiles(snapshot).slice(0, 20)) {
    for (const directory of REPORT_DIRECTORIES) {
      const text = reports.has(file) ? '' : await textOf(join(directory, file))
      if (text !== '') reports.set(file, text)
    }
  }
  return reports
}

/**
 * The files of a death, as far as there are any: its snapshot, when somebody was seen the witness beside it, and what was
 * only known later.
 */
export function filesOf(root: string, record: ExitRecord): string[] {
  const addendum = addendumPath(root, record.id)
  const { forensics } = record
  return [...(forensics === undefined ? [] : [forensics, forensics.replace(/\.txt$/, '.witness')]), addendum]
}

/** Snapshot, witness and reports of a death, as far as they can be read; only files that are in `present` are looked for. */
async function readFindings(
  root: string,
  record: ExitRecord,
  present: ReadonlySet<string>,
): Promise<Findings> {
  const paths = filesOf(root, record).filter((path) => present.has(path))
  if (paths.length === 0) return {}
  const texts = new Map<string, string>()
  for (const path of paths) texts.set(extname(path), await textOf(path))
  const text = (extension: string): string => texts.get(extension) ?? ''
  const snapshot = withAddendum(parseSnapshot(text('.txt')), parseSnapshot(text('.addendum')))
  const witnessText = text('.witness')
  return { snapshot, witness: parseWitness(witnessText), reports: await readReports(snapshot) }
}

/** Old lines outlive their snapshots; which are still there is read once for all. */
async function withFiles(root: string, records: readonly ExitRecord[]): Promise<ReadonlySet<string>> {
  const directories = new Set(records.flatMap((record) => filesOf(root, record).map((path) => dirname(path))))
  const found = new Set<string>()
  for (const directory of directories) {
    for (const name of await namesIn(directory)) found.add(join(directory, name))
  }
  return found
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

/** A death with its verdict; deaths of one incident share the surest one of theirs. */
export interface JudgedDeath extends Death {
  readonly judged: Verdict
  readonly incident?: Incident
}

const RANK = { low: 0, medium: 1, high: 2 } as const satisfies Readonly<Record<Confidence, number>>

/** How many deaths' files are read at a time. */
const READ_AT_ONCE = 8

/** Judges from the files as they are now; every death is examined once. */
export async function judgeDeaths(root: string, records: readonly ExitRecord[]): Promise<JudgedDeath[]> {
  const files = await withFiles(root, records)
  const deaths: Death[] = await mapLimit(records, READ_AT_ONCE, async (record) => ({
    record,
    findings: await readFindings(root, record, files),
  }))
  const { verdicts, incidents: found } = judgeTogether(deaths)
  const incidents = new Map(found.flatMap((incident) => incident.deaths.map((id) => [id, incident] as const)))
  return deaths.flatMap((death, at) => {
    const own = verdicts[at]
    if (own === undefined) return []
    const incident = incidents.get(death.record.id)
    if (incident === undefined) return [{ ...death, judged: own }]
    const { verdict, confidence, summary } = incident.verdict
    const isSurer = RANK[confidence] > RANK[own.confidence]
    return [{ ...death, judged: isSurer ? { ...own, verdict, confidence, summary } : own, incident }]
  })
}

/** Twice the time within which the deaths of one incident follow each other, in milliseconds. */
const NEIGHBOUR_MS = 10_000

/** The wanted deaths with all that may share a cause with one of them, in the order of `records`. */
function withNeighbours(records: readonly ExitRecord[], wanted: ReadonlySet<ExitRecord>): ExitRecord[] {
  const inOrder = records
    .map((record) => ({ record, atMs: Date.parse(record.ts) }))
    .sort((one, other) => one.atMs - other.atMs)
  const near = new Set<ExitRecord>()
  let cluster: ExitRecord[] = []
  let lastMs = Number.NEGATIVE_INFINITY
  const take = (): void => {
    if (cluster.some((one) => wanted.has(one))) for (const one of cluster) near.add(one)
    cluster = []
  }
  for (const { record, atMs } of inOrder) {
    if (!(atMs - lastMs <= NEIGHBOUR_MS)) take()
    cluster.push(record)
    lastMs = atMs
  }
  take()
  // The deaths of one boot belong together whenever each of them was noticed.
  const isReboot = ({ cause }: ExitRecord): boolean => cause === 'host-reboot'
  const withReboots = [...wanted].some(isReboot)
  return records.filter((one) => near.has(one) || (withReboots && isReboot(one)))
}

/**
 * Judges some of the recorded deaths, each among those that may share its cause: of its time and of its boot.
 * @param records all that are recorded
 * @returns the wanted ones, in the order of `records`
 */
export async function judgeAmong(
  root: string,
  records: readonly ExitRecord[],
  isWanted: (record: ExitRecord) => boolean,
): Promise<JudgedDeath[]> {
  const wanted = new Set(records.filter(isWanted))
  if (wanted.size === 0) return []
  const judged = await judgeDeaths(root, withNeighbours(records, wanted))
  return judged.filter(({ record }) => wanted.has(record))
}
