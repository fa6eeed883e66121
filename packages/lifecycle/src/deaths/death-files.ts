import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { maskBearers } from '@iapeer/core/identity'
import { readRegularFile } from '@iapeer/core/storage'
import {
  type Death,
  type ExitRecord,
  type Findings,
  parseSnapshot,
  parseWitness,
  reportFiles,
  type Snapshot,
  withAddendum,
} from '@iapeer/forensics'
import { addendumPath } from './evidence/addendum.ts'
import { type KeptVerdict, parseVerdictFile, verdictPath } from './verdict-file.ts'

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

/** A file that exists. */
interface PresentFile {
  /** In bytes. */
  readonly size: number
  /** Differs once the file has been replaced or written. */
  readonly version: string
}

/** Files that exist, by path. */
export type PresentFiles = ReadonlyMap<string, PresentFile>

/** How many paths are looked at one by one. More are looked for in listings, which can have the files of many other deaths. */
const MOST_PATHS = 500

/** Returns those of some paths that a listing of their directories has. */
async function listed(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const directory of new Set(paths.map((path) => dirname(path)))) {
    for (const name of await namesIn(directory)) found.add(join(directory, name))
  }
  return paths.filter((path) => found.has(path))
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

/**
 * Returns which files of these deaths exist, also their kept verdicts. Records are kept longer than their snapshots, so for many deaths
 * each directory is listed before their files are looked at.
 */
export async function presentFiles(root: string, records: readonly ExitRecord[]): Promise<PresentFiles> {
  const paths = records.flatMap((record) => [...filesOf(root, record), verdictPath(root, record.id)])
  const possible = paths.length <= MOST_PATHS ? paths : await listed(paths)
  const found = new Map<string, PresentFile>()
  for (const path of possible) {
    const stat = fileAt(path)
    if (stat !== undefined) found.set(path, stat)
  }
  return found
}

function fileAt(path: string): PresentFile | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat && { size: stat.size, version: `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Reads snapshot, witness and reports of a death, as far as they exist and can be read. */
async function readFindings(root: string, record: ExitRecord, present: PresentFiles): Promise<Findings> {
  const paths = filesOf(root, record).filter((path) => present.has(path))
  if (paths.length === 0) return {}
  const texts = new Map<string, string>()
  for (const path of paths) texts.set(extname(path), await textOf(path))
  const text = (extension: string): string => texts.get(extension) ?? ''
  const snapshot = withAddendum(parseSnapshot(text('.txt')), parseSnapshot(text('.addendum')))
  const witnessText = text('.witness')
  return { snapshot, witness: parseWitness(witnessText), reports: await readReports(snapshot) }
}

async function readKept(
  root: string,
  record: ExitRecord,
  present: PresentFiles,
): Promise<KeptVerdict | undefined> {
  const path = verdictPath(root, record.id)
  return present.has(path) ? parseVerdictFile(await textOf(path)) : undefined
}

/** A death with what its files say. */
export interface ReadDeath {
  readonly death: Death
  /** The verdict that was kept when it was judged first. */
  readonly kept: KeptVerdict | undefined
}

/** How many deaths are remembered: enough for those that follow each other within minutes. */
const MOST_DEATHS = 500

/**
 * Reads the files of deaths, and remembers what they say until they change: a process that judges again and again, each time with the
 * deaths before and after, would otherwise read most files every time.
 */
export class DeathReader {
  readonly #root: string
  readonly #known = new Map<string, { readonly version: string; readonly read: ReadDeath }>()

  constructor(root: string) {
    this.#root = root
  }

  async read(record: ExitRecord, present: PresentFiles): Promise<ReadDeath> {
    const root = this.#root
    const paths = [...filesOf(root, record), verdictPath(root, record.id)]
    const version = JSON.stringify([record, ...paths.map((path) => present.get(path)?.version)])
    const known = this.#known.get(record.id)
    this.#known.delete(record.id)
    const isSame = known?.version === version
    const read = isSame
      ? known.read
      : {
          death: { record, findings: await readFindings(root, record, present) },
          kept: await readKept(root, record, present),
        }
    // The crash reports that macOS writes later are in no version.
    if (process.platform !== 'darwin') this.#known.set(record.id, { version, read })
    const [oldest] = this.#known.keys()
    if (this.#known.size > MOST_DEATHS && oldest !== undefined) this.#known.delete(oldest)
    return read
  }

  /** Forgets everything, for a time in which nothing is judged. */
  forget(): void {
    this.#known.clear()
  }
}
