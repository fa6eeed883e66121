import { join } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { formatLogfmt } from '@iapeer/core/logfmt'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'
import { signalLines, watchingLine } from '../signals/signal-lines.ts'
import type { SignalSource } from '../signals/signal-memory.ts'
import { coreSection } from './cores.ts'
import { reportSections, unifiedLogSection } from './darwin.ts'
import { type DeathAt, deathAt } from './death-at.ts'
import { FiledDeaths } from './filed-deaths.ts'
import { journalSection } from './journal.ts'
import { formatSection, type Section } from './section.ts'
import type { Span } from './span.ts'

/** The system rarely writes about a death sooner than this. */
export const YOUNGEST_MS = 5_000
/** The logs of the system are rotated: older deaths are not looked up. */
export const OLDEST_MS = 24 * 60 * 60_000
/** A unit may be given 90 s to stop (TimeoutStopSec of systemd.service(5)). */
const LOG_BEFORE_MS = 120_000
/** The programs that log a death often do so some seconds later. */
const LOG_AFTER_MS = 15_000
/** Of a death that was found late, the log is read for at most this time before it was found. */
const BRACKET_MS = 3_600_000
/** One reading of the log serves all deaths within this time. */
const SHARED_MS = 5_000
/** A process may exit some time after SIGTERM. */
const SIGNAL_BEFORE_MS = 30_000
const SIGNAL_AFTER_MS = 2_000

export interface EvidenceOptions {
  readonly env: NodeJS.ProcessEnv
  readonly now: Date
  /** Knows which signals were sent, and by which process. @default none */
  readonly signals?: SignalSource | undefined
  /** After this time no further death is looked up, so that a command does not wait for long. @default no limit */
  readonly withinMs?: number | undefined
}

/** Returns the path of `server-deaths/<identity>-<gen>.addendum`: the evidence that appears some time after a death. */
export const addendumPath = (root: string, id: string): string =>
  join(rootLayout(root).records.deathsDir, `${id}.addendum`)

/** From when to when a signal can be the cause of a death. */
const spanOf = ({ fromMs, atMs }: DeathAt): Span => ({
  fromMs: fromMs - SIGNAL_BEFORE_MS,
  toMs: atMs + SIGNAL_AFTER_MS,
})

function signalSection(death: DeathAt, signals: SignalSource | undefined): Section[] {
  const { atMs, pid } = death
  if (signals === undefined || pid === undefined) return []
  const since = signals.watchingSince?.()
  const watching = since === undefined || since > atMs ? [] : [watchingLine(since)]
  const seen = signals.signalsTo(pid, spanOf(death)).flatMap(signalLines)
  return [{ name: 'signal-witness', found: [...watching, ...seen] }]
}

/** Reads the log of the system once for all deaths of an interval of {@link SHARED_MS}. */
class SharedLog {
  readonly #env: NodeJS.ProcessEnv
  readonly #read = new Map<string, Promise<Section>>()

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
  }

  /** Reads the log around a death, or around the last hour of the time in which it may have happened. */
  around({ atMs, fromMs }: DeathAt): Promise<Section> {
    const last = atMs - (atMs % SHARED_MS)
    const earliest = Math.max(fromMs, atMs - BRACKET_MS)
    const first = earliest - (earliest % SHARED_MS)
    const key = `${first} ${last}`
    const known = this.#read.get(key)
    if (known !== undefined) return known
    const span: Span = { fromMs: first - LOG_BEFORE_MS, toMs: last + SHARED_MS + LOG_AFTER_MS }
    const read =
      process.platform === 'darwin' ? unifiedLogSection(span, this.#env) : journalSection(span, this.#env)
    this.#read.set(key, read)
    return read
  }
}

async function systemSections(death: DeathAt, log: SharedLog, env: NodeJS.ProcessEnv): Promise<Section[]> {
  const lines = await log.around(death)
  return process.platform === 'darwin'
    ? [lines, ...(await reportSections(death))]
    : [lines, await coreSection(death, { env })]
}

const END = '--- end\n'

function headOf({ identity, gen }: ExitRecord, now: Date): string {
  const fields = { identity, gen, ts: now.toISOString(), platform: process.platform, format: 1 }
  return `death-addendum ${formatLogfmt(fields)}\n`
}

/** Where evidence comes from, and the deaths that it may be added to. */
interface Sources extends EvidenceOptions {
  readonly log: SharedLog
  readonly filed: FiledDeaths
}

/** Returns the text of the addendum; undefined when the file has it already, or without evidence. */
async function addendumOf(
  record: ExitRecord,
  known: string | undefined,
  sources: Sources,
): Promise<string | undefined> {
  const { env, now, signals, log } = sources
  const death = deathAt(record)
  const seen = signalSection(death, signals)
  const isSeen = seen.some(({ found }) => !('unavailable' in found) && found.length > 0)
  if (known !== undefined) {
    // The process that wrote the addendum may have had no signal witness.
    const isNew = isSeen && !known.includes('\n--- signal-witness\n') && known.endsWith(END)
    return isNew ? known.slice(0, -END.length) + seen.map(formatSection).join('') + END : undefined
  }
  const system = await systemSections(death, log, env)
  const sections = [...system, ...(isSeen ? seen : [])]
  return headOf(record, now) + sections.map(formatSection).join('') + END
}

/** A death whose evidence could not be saved, and why. */
export interface EvidenceFailure {
  readonly record: ExitRecord
  /** The Node system error, or IapeerError `unusable-file`. */
  readonly error: unknown
}

async function collectOne(
  path: string,
  record: ExitRecord,
  sources: Sources,
): Promise<EvidenceFailure | undefined> {
  try {
    const known = (await readRegularFile(path))?.text
    if (known === undefined && !(await sources.filed.has(record))) return undefined
    const text = await addendumOf(record, known, sources)
    if (text !== undefined) await replaceFile(path, text)
    return undefined
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return { record, error }
  }
}

/** How many deaths are looked up at a time. */
const AT_ONCE = 4

/**
 * Saves, once for each death, the evidence that the system writes some seconds later: journal and core files, on macOS log and
 * crash reports; and the sender of a signal. Skips deaths that are too young or too old, deaths whose files were pruned, and records of
 * versions without generations. A failure for one death does not affect the others.
 * @returns the deaths whose evidence could not be saved
 */
export async function collectAddenda(
  root: string,
  records: readonly ExitRecord[],
  options: EvidenceOptions,
): Promise<EvidenceFailure[]> {
  const sources = { ...options, log: new SharedLog(options.env), filed: new FiledDeaths(root) }
  const due = records.filter(({ gen, ts }) => {
    const ageMs = options.now.getTime() - Date.parse(ts)
    return gen !== undefined && ageMs >= YOUNGEST_MS && ageMs <= OLDEST_MS
  })
  const untilMs = performance.now() + (options.withinMs ?? Number.POSITIVE_INFINITY)
  const failures = await mapLimit(due, AT_ONCE, async (record) =>
    performance.now() > untilMs ? undefined : collectOne(addendumPath(root, record.id), record, sources),
  )
  return failures.filter((one) => one !== undefined)
}
