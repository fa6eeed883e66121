import { join } from 'node:path'
import { mapLimit } from '@iapeer/core/async'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { formatLogfmt } from '@iapeer/core/logfmt'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import type { ExitRecord } from '@iapeer/forensics'
import { signalLines } from '../signals/signal-lines.ts'
import type { SignalSource } from '../signals/signal-memory.ts'
import { coreSection } from './cores.ts'
import { reportSections, unifiedLogSection } from './darwin.ts'
import { type DeathAt, deathAt } from './death-at.ts'
import { journalSection } from './journal.ts'
import { formatSection, type Section } from './section.ts'
import type { Span } from './span.ts'

/** What the system writes of a death is rarely there sooner. */
export const YOUNGEST_MS = 5_000
/** Logs of the system do not go back for ever. */
const OLDEST_MS = 24 * 60 * 60_000
/** A unit may be given 90 s to stop (TimeoutStopSec of systemd.service(5)). */
const LOG_BEFORE_MS = 120_000
/** What writes about a death is often some seconds behind it. */
const LOG_AFTER_MS = 15_000
/** Deaths this close are looked up in the logs together. */
const SHARED_MS = 5_000
/** A process may take its time after SIGTERM. */
const SIGNAL_BEFORE_MS = 30_000
const SIGNAL_AFTER_MS = 2_000

export interface EvidenceOptions {
  readonly env: NodeJS.ProcessEnv
  readonly now: Date
  /** Who has seen signals. @default nobody */
  readonly signals?: SignalSource | undefined
}

/** `server-deaths/<identity>-<gen>.addendum`: what was only known some time after a death. */
export const addendumPath = (root: string, id: string): string =>
  join(rootLayout(root).records.deathsDir, `${id}.addendum`)

/** One that ended with exit code 0 has no evidence but whoever may have told it to. */
const isInOrder = (record: ExitRecord): boolean => record.event === 'session-exit' && record.exitCode === 0

function signalSection({ atMs, pid }: DeathAt, signals: SignalSource | undefined): Section[] {
  if (signals === undefined || pid === undefined) return []
  const span = { fromMs: atMs - SIGNAL_BEFORE_MS, toMs: atMs + SIGNAL_AFTER_MS }
  return [{ name: 'signal-witness', found: signals.signalsTo(pid, span).flatMap(signalLines) }]
}

/** Reads the system's log once for all deaths of a few seconds. */
class SharedLog {
  readonly #env: NodeJS.ProcessEnv
  readonly #read = new Map<number, Promise<Section>>()

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env
  }

  around(atMs: number): Promise<Section> {
    const first = atMs - (atMs % SHARED_MS)
    const known = this.#read.get(first)
    if (known !== undefined) return known
    const span: Span = { fromMs: first - LOG_BEFORE_MS, toMs: first + SHARED_MS + LOG_AFTER_MS }
    const read =
      process.platform === 'darwin' ? unifiedLogSection(span, this.#env) : journalSection(span, this.#env)
    this.#read.set(first, read)
    return read
  }
}

async function systemSections(death: DeathAt, log: SharedLog, env: NodeJS.ProcessEnv): Promise<Section[]> {
  const lines = await log.around(death.atMs)
  return process.platform === 'darwin'
    ? [lines, ...(await reportSections(death))]
    : [lines, await coreSection(death, { env })]
}

const END = '--- end\n'

function headOf({ identity, gen }: ExitRecord, now: Date): string {
  const said = { identity, gen, ts: now.toISOString(), platform: process.platform, format: 1 }
  return `death-addendum ${formatLogfmt(said)}\n`
}

/** What is to be written of a death; undefined when that is there already, or there is nothing to say. */
async function addendumOf(
  record: ExitRecord,
  known: string | undefined,
  sources: EvidenceOptions & { readonly log: SharedLog },
): Promise<string | undefined> {
  const { env, now, signals, log } = sources
  const death = deathAt(record)
  const seen = signalSection(death, signals)
  const isSeen = seen.some(({ found }) => !('unavailable' in found) && found.length > 0)
  if (known !== undefined) {
    // Whoever asked the system first need not have been the one who watches signals.
    const isNew = isSeen && !known.includes('\n--- signal-witness\n') && known.endsWith(END)
    return isNew ? known.slice(0, -END.length) + seen.map(formatSection).join('') + END : undefined
  }
  if (isInOrder(record) && !isSeen) return undefined
  const system = isInOrder(record) ? [] : await systemSections(death, log, env)
  const sections = [...system, ...(isSeen ? seen : [])]
  return headOf(record, now) + sections.map(formatSection).join('') + END
}

/** A death whose evidence could not be written down, and why. */
export interface EvidenceFailure {
  readonly record: ExitRecord
  /** The Node system error, or IapeerError `unusable-file`. */
  readonly error: unknown
}

async function collectOne(
  path: string,
  record: ExitRecord,
  sources: EvidenceOptions & { readonly log: SharedLog },
): Promise<EvidenceFailure | undefined> {
  try {
    const text = await addendumOf(record, (await readRegularFile(path))?.text, sources)
    if (text !== undefined) await replaceFile(path, text)
    return undefined
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return { record, error }
  }
}

/** How many deaths the system is asked about at a time. */
const AT_ONCE = 4

/**
 * Asks the system, once for each death, for what it writes some seconds after one: its journal and core files, on macOS its
 * log and crash reports; and who sent it a signal. One that is too young or too old for that, or of a version without
 * generations, is left as it is. What fails for one keeps it from no other.
 * @returns the deaths whose evidence could not be written down
 */
export async function collectAddenda(
  root: string,
  records: readonly ExitRecord[],
  options: EvidenceOptions,
): Promise<EvidenceFailure[]> {
  const sources = { ...options, log: new SharedLog(options.env) }
  const due = records.filter(({ gen, ts }) => {
    const ageMs = options.now.getTime() - Date.parse(ts)
    return gen !== undefined && ageMs >= YOUNGEST_MS && ageMs <= OLDEST_MS
  })
  const failures = await mapLimit(due, AT_ONCE, (record) =>
    collectOne(addendumPath(root, record.id), record, sources),
  )
  return failures.filter((one) => one !== undefined)
}
