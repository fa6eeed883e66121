import { extname } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { type Death, type ExitRecord, type Incident, judgeTogether, type Verdict } from '@iapeer/forensics'
import { DeathReader, filesOf, type PresentFiles, presentFiles } from './death-files.ts'
import { addendumPath, OLDEST_MS } from './evidence/addendum.ts'
import { FiledDeaths } from './evidence/filed-deaths.ts'
import { ownVerdict, surerVerdict } from './own-verdict.ts'
import { type KeptVerdict, keepVerdict, verdictPath } from './verdict-file.ts'

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
  /** Reads the files; a process that judges repeatedly gives the same one each time. @default one that remembers nothing from before */
  readonly reader?: DeathReader | undefined
}

/**
 * Judges deaths from the files as they are now, and keeps each final verdict: what was shown once stays. Incidents are looked for
 * among these deaths only.
 */
export async function judgeDeaths(
  root: string,
  records: readonly ExitRecord[],
  { anew = false, now = new Date(), reader = new DeathReader(root) }: JudgeOptions = {},
): Promise<JudgedDeath[]> {
  const files = await presentFiles(root, records)
  const deaths = await mapLimit(records, READ_AT_ONCE, (record) => reader.read(record, files))
  const { verdicts, incidents: found } = judgeTogether(deaths.map(({ death }) => death))
  const incidents = new Map(found.flatMap((incident) => incident.deaths.map((id) => [id, incident] as const)))
  const isCollected = ({ id }: ExitRecord): boolean => files.has(addendumPath(root, id))
  const pruned = await prunedAmong(
    root,
    records.filter((record) => !isCollected(record)),
    now,
  )
  const judged = deaths.flatMap(({ death, kept: known }, at) => {
    const fresh = verdicts[at]
    if (fresh === undefined) return []
    const kept = anew ? undefined : known
    const state = { isCollected: isCollected(death.record), isPruned: pruned.has(death.record) }
    const inputs = sizesOf(root, death.record, files)
    return [{ ...death, kept, inputs, ...ownVerdict({ ...death, ...state, kept, fresh, inputs }, now) }]
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

/** Returns the deaths of the last day whose files were removed; none if their directory cannot be read. */
async function prunedAmong(
  root: string,
  records: readonly ExitRecord[],
  now: Date,
): Promise<ReadonlySet<ExitRecord>> {
  const filed = new FiledDeaths(root)
  const pruned = new Set<ExitRecord>()
  const recent = records.filter(
    ({ gen, ts }) => gen !== undefined && now.getTime() - Date.parse(ts) <= OLDEST_MS,
  )
  try {
    for (const record of recent) if (!(await filed.has(record))) pruned.add(record)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
  return pruned
}

/** Returns the sizes of the files that a death is judged from, by their extensions. */
function sizesOf(root: string, record: ExitRecord, present: PresentFiles): Readonly<Record<string, number>> {
  const sizes = filesOf(root, record).flatMap((path) => {
    const file = present.get(path)
    return file === undefined ? [] : [[extname(path).slice(1), file.size] as const]
  })
  return Object.fromEntries(sizes)
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
