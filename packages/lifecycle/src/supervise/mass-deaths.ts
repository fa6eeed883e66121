import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import type { Incident } from '@iapeer/forensics'
import type { JudgedDeath } from '../deaths/index.ts'
import { type MassDeath, readMassDeath, releaseRestarts, writeMassDeath } from '../launch/index.ts'

/** So many peers that die within the window are a mass death. */
const DEATHS = 3
const WINDOW_MS = 10_000
/** The deaths are judged well within this time; then restarts go on without a verdict. */
const JUDGING_MS = 30_000
/**
 * For how long a mass death is remembered: another one is `repeated`, peers that died for lack of memory start one by one, and a killer
 * that still runs holds the restarts.
 */
const REMEMBERED_MS = 10 * 60_000

const OUT_OF_MEMORY: ReadonlySet<string> = new Set(['kernel-oom', 'cgroup-oom', 'oomd'])
/** The host or a unit was stopped on purpose: what stopped the peers is over when they are started. */
const STOPPED: ReadonlySet<string> = new Set(['host-reboot', 'terminated'])

/** What decides what follows a mass death. */
interface MassFacts {
  readonly incident: Pick<Incident, 'verdict' | 'deaths' | 'ts'>
  /** What followed the one before; undefined where that is over. */
  readonly before: MassDeath | undefined
  /** The process that killed the peers, while it runs. */
  readonly killer: ProcessId | undefined
  readonly nowMs: number
}

/** Which of two mass deaths of one moment decides. */
const RANK = {
  judging: 0,
  past: 1,
  memory: 2,
  killer: 3,
  repeated: 4,
} as const satisfies Record<MassDeath['kind'], number>

/** Returns what follows a mass death alone. */
function ofItself({ incident, killer, nowMs }: MassFacts): MassDeath | undefined {
  const { verdict } = incident.verdict
  const common = { atMs: nowMs, deaths: incident.deaths.length, untilMs: nowMs + REMEMBERED_MS }
  if (STOPPED.has(verdict)) return undefined
  if (OUT_OF_MEMORY.has(verdict)) return { ...common, kind: 'memory' }
  return killer === undefined ? { ...common, kind: 'past' } : { ...common, kind: 'killer', killer }
}

/**
 * Returns what follows a mass death; undefined for one that holds nothing. Deaths of one moment can be several incidents: then the
 * strongest one decides. Pure.
 */
export function afterMassDeath(facts: MassFacts): MassDeath | undefined {
  const { before } = facts
  const next = ofItself(facts)
  if (before === undefined) return next
  const isSameMoment = Date.parse(facts.incident.ts) <= before.atMs
  if (isSameMoment) return next !== undefined && RANK[next.kind] > RANK[before.kind] ? next : before
  if (next === undefined || next.kind === 'memory' || before.kind === 'memory') return next
  const { atMs, deaths } = next
  return { kind: 'repeated', atMs, deaths }
}

/** What a notification says about the restarts; undefined where each peer is restarted as its policy says. */
function nextText(next: MassDeath | undefined): string | undefined {
  if (next?.kind === 'memory') return 'restarts go one by one, as memory allows'
  if (next?.kind === 'killer')
    return `restarts are held while process ${next.killer?.pid} runs; iapeer start --all --resume-or-fresh does not wait`
  return next?.kind === 'repeated'
    ? 'restarts are held, because it happened again: iapeer start --all --resume-or-fresh starts the peers'
    : undefined
}

/**
 * Holds the restarts after a mass death: what killed the fleet would kill it again. They wait until the cause is known, and then
 * until it is gone or a person says go; after an out-of-memory, they go one by one.
 */
export class MassDeaths {
  readonly #root: string
  /** The times of the last deaths by identity, in milliseconds since the epoch. */
  readonly #recent = new Map<string, number>()
  /** What followed the mass death before the one that is being judged. */
  #before: MassDeath | undefined
  /** The peers of the mass death that is being judged. */
  #suspects: ReadonlySet<string> = new Set()

  constructor(root: string) {
    this.#root = root
  }

  /** Counts a death; from the third one in a short time on, restarts wait until the cause is known. */
  async note(identity: string, nowMs: number): Promise<void> {
    this.#recent.set(identity, nowMs)
    for (const [one, atMs] of this.#recent) if (nowMs - atMs > WINDOW_MS) this.#recent.delete(one)
    const deaths = this.#recent.size
    if (deaths < DEATHS) return
    const now = await readMassDeath(this.#root, nowMs)
    if (now?.kind === 'repeated') return
    if (now?.kind !== 'judging') this.#before = now
    this.#suspects = new Set(this.#recent.keys())
    await writeMassDeath(this.#root, { kind: 'judging', atMs: nowMs, deaths, untilMs: nowMs + JUDGING_MS })
  }

  /**
   * Decides what follows the deaths of one incident.
   * @returns what a notification says about the restarts; undefined where each peer is restarted as its policy says
   */
  async decide([death]: readonly JudgedDeath[], nowMs = Date.now()): Promise<string | undefined> {
    const incident = death?.incident
    if (incident === undefined || incident.deaths.length < DEATHS) return undefined
    const { killer: known } = incident.verdict
    const killer = known === undefined ? undefined : await identifyProcess(known.pid)
    const next = afterMassDeath({ incident, before: this.#before, killer, nowMs })
    this.#before = next
    if (next === undefined) await releaseRestarts(this.#root)
    else await writeMassDeath(this.#root, next)
    return nextText(next)
  }

  /** Lets restarts go on if deaths that seemed to be a mass death were judged and have no common cause. */
  async judged(judged: readonly JudgedDeath[], nowMs: number): Promise<void> {
    if (!judged.some(({ record }) => this.#suspects.has(record.identity))) return
    const now = await readMassDeath(this.#root, nowMs)
    if (now?.kind !== 'judging') return
    if (this.#before === undefined) await releaseRestarts(this.#root)
    else await writeMassDeath(this.#root, this.#before)
  }
}
