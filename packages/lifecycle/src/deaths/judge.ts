import { existsSync, lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { readGenerationName } from '@iapeer/canary'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { maskBearers } from '@iapeer/core/identity'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { readLog, readRegularFile } from '@iapeer/core/storage'
import {
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
import { ownVerdict, surerVerdict } from './own-verdict.ts'
import { type KeptVerdict, keepVerdict, parseVerdictFile, verdictPath } from './verdict-file.ts'

/**
 * Returns the text of a file, with bearers masked; empty where it is absent or cannot be read: one bad file does not hide the other
 * deaths.
 */
export async function textOf(path: string): Promise<string> {
  try {
    return maskBearers((await readRegularFile(path))?.text ?? '')
  } catch (error) {
    if (errnoOf(error) !== undefined || (isIapeerError(error) && error.code === 'unusable-file')) return ''
    throw error
  }
}

/**
 * Reads every recorded death, in the order of recording, under the present name of its peer; ids stay as they were recorded.
 */
export async function readDeathRecords(root: string): Promise<readonly ExitRecord[]> {
  const { records } = parseExitsLog(readLog(rootLayout(root).records.exitsLog))
  const renames = readRenames(root)
  if (renames.length === 0) return records
  return records.map((record) => {
    // A recorder may have read the old name during the rename.
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

/** Reads the crash reports of macOS: a snapshot has only their names and first lines. */
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
 * Returns the paths that the files of a death can have: its snapshot, the witness file beside it (written when the caller
 * of a kill command was seen) and its addendum.
 */
export function filesOf(root: string, record: ExitRecord): string[] {
  const addendum = addendumPath(root, record.id)
  const { forensics } = record
  return [...(forensics === undefined ? [] : [forensics, forensics.replace(/\.txt$/, '.witness')]), addendum]
}

/**
 * Reads snapshot, witness and reports of a death, as far as they can be read.
 * @param present the files that exist: only these are read
 */
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

/** How many paths are looked at one by one. More are looked for in listings, which can have the files of many other deaths. */
const MOST_PATHS = 500

/**
 * Returns which files of these deaths exist, also their kept verdicts. Records are kept longer than their snapshots, so for many deaths
 * each directory is listed instead.
 */
async function presentFiles(root: string, records: readonly ExitRecord[]): Promise<ReadonlySet<string>> {
  const paths = records.flatMap((record) => [...filesOf(root, record), verdictPath(root, record.id)])
  if (paths.length <= MOST_PATHS) return new Set(paths.filter((path) => existsSync(path)))
  const directories = new Set(paths.map((path) => dirname(path)))
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

/** A death with its verdict; the deaths of an incident share the verdict with the highest confidence. */
export interface JudgedDeath extends Death {
  readonly judged: Verdict
  readonly incident?: Incident
  /** Evidence that the system writes some seconds after a death was not collected yet: the confidence is at most medium. */
  readonly isProvisional?: true
  /** The verdict that was kept when the death was judged first; `judged` is that one. */
  readonly kept?: KeptVerdict
}

/** How many verdicts one command keeps at most; it keeps the others the next time. */
const KEPT_AT_ONCE = 20

/** How many deaths' files are read at a time. */
const READ_AT_ONCE = 8

/** How deaths are judged. */
export interface JudgeOptions {
  /** Judges anew also where a verdict was kept. @default false */
  readonly anew?: boolean
  readonly now?: Date
}

/**
 * Judges deaths from the files as they are now, and keeps each final verdict: what was shown once stays. Incidents are looked for
 * among these deaths only.
 */
export async function judgeDeaths(
  root: string,
  records: readonly ExitRecord[],
  { anew = false, now = new Date() }: JudgeOptions = {},
): Promise<JudgedDeath[]> {
  const files = await presentFiles(root, records)
  const deaths = await mapLimit(records, READ_AT_ONCE, async (record) => ({
    record,
    findings: await readFindings(root, record, files),
    kept: anew ? undefined : await keptVerdict(root, record, files),
  }))
  const { verdicts, incidents: found } = judgeTogether(deaths)
  const incidents = new Map(found.flatMap((incident) => incident.deaths.map((id) => [id, incident] as const)))
  const judged = deaths.flatMap((death, at) => {
    const fresh = verdicts[at]
    if (fresh === undefined) return []
    const isCollected = files.has(addendumPath(root, death.record.id))
    const inputs = sizesOf(root, death.record, files)
    return [{ ...death, inputs, ...ownVerdict({ ...death, fresh, inputs, isCollected }, now) }]
  })
  for (const { record, verdict, inputs } of judged.filter(({ isToKeep }) => isToKeep).slice(-KEPT_AT_ONCE))
    await keepVerdict(verdictPath(root, record.id), verdict, { inputs, now })
  return judged.map(({ record, findings, kept, verdict, isProvisional }): JudgedDeath => {
    const incident = incidents.get(record.id)
    return {
      record,
      findings,
      judged: isProvisional ? verdict : surerVerdict(verdict, incident),
      ...(incident === undefined ? {} : { incident }),
      ...(isProvisional ? { isProvisional } : {}),
      ...(kept === undefined ? {} : { kept }),
    }
  })
}

async function keptVerdict(
  root: string,
  record: ExitRecord,
  present: ReadonlySet<string>,
): Promise<KeptVerdict | undefined> {
  const path = verdictPath(root, record.id)
  return present.has(path) ? parseVerdictFile(await textOf(path)) : undefined
}

/** Returns the sizes of the files that a death is judged from, by their extensions. */
function sizesOf(
  root: string,
  record: ExitRecord,
  present: ReadonlySet<string>,
): Readonly<Record<string, number>> {
  const paths = filesOf(root, record).filter((path) => present.has(path))
  return Object.fromEntries(
    paths.map((path) => [extname(path).slice(1), lstatSync(path, { throwIfNoEntry: false })?.size ?? 0]),
  )
}

/** Twice the time within which the deaths of one incident follow each other, in milliseconds. */
const NEIGHBOUR_MS = 10_000

/**
 * How far from a death its neighbours are looked for, in milliseconds. Where deaths follow each other for hours, each would otherwise be
 * judged with all of them, and their files read each time.
 */
const SPAN_MS = 120_000

interface TimedRecord {
  readonly record: ExitRecord
  readonly atMs: number
}

/**
 * Returns the deaths that follow a wanted one without a gap, and that one.
 * @param inOrder in the order of time, or in the reverse order
 */
function following(inOrder: readonly TimedRecord[], wanted: ReadonlySet<ExitRecord>): ExitRecord[] {
  let wantedMs = Number.NaN
  let lastMs = Number.NaN
  return inOrder.flatMap(({ record, atMs }) => {
    if (wanted.has(record)) wantedMs = atMs
    else if (!(Math.abs(atMs - lastMs) <= NEIGHBOUR_MS && Math.abs(atMs - wantedMs) <= SPAN_MS))
      wantedMs = Number.NaN
    lastMs = atMs
    return Number.isNaN(wantedMs) ? [] : [record]
  })
}

/** Returns the wanted deaths and all that may share a cause with one of them, in the order of `records`. */
function withNeighbours(records: readonly ExitRecord[], wanted: ReadonlySet<ExitRecord>): ExitRecord[] {
  const inOrder = records
    .map((record) => ({ record, atMs: Date.parse(record.ts) }))
    .sort((one, other) => one.atMs - other.atMs)
  const near = new Set([...wanted, ...following(inOrder, wanted), ...following(inOrder.toReversed(), wanted)])
  // Deaths by a reboot belong together, however far apart they were noticed.
  const isReboot = ({ cause }: ExitRecord): boolean => cause === 'host-reboot'
  const withReboots = [...wanted].some(isReboot)
  return records.filter((one) => near.has(one) || (withReboots && isReboot(one)))
}

/**
 * Judges some of the recorded deaths, each together with those that may share its cause: near in time, or of the same reboot.
 * @param records all recorded deaths
 * @returns the wanted deaths, in the order of `records`
 */
export async function judgeAmong(
  root: string,
  records: readonly ExitRecord[],
  isWanted: (record: ExitRecord) => boolean,
  options: JudgeOptions = {},
): Promise<JudgedDeath[]> {
  const wanted = new Set(records.filter(isWanted))
  if (wanted.size === 0) return []
  const judged = await judgeDeaths(root, withNeighbours(records, wanted), options)
  return judged.filter(({ record }) => wanted.has(record))
}
