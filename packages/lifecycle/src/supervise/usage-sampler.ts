import { errnoOf } from '@iapeer/core/errors'
import {
  type LivenessProbes,
  readUsageRow,
  sumTrees,
  type TreeSum,
  type UsageRow,
  UsageScan,
} from '@iapeer/core/process'
import {
  appendUsage,
  latestUsage,
  type PeerSession,
  type PeerUsage,
  rotateUsage,
  usageKey,
} from '../sessions/index.ts'
import { OwnCgroups } from './own-cgroups.ts'

/** The table of all processes is read in so many sweeps: 20 seconds, and more if it has over 800 processes. */
const SCAN_STEPS = 20
/** A sweep reads at most so many processes of the table. */
const SCAN_MOST = 40
/** Each peer is sampled in one of so many sweeps: each five seconds, and less often if there are over 500. */
const SAMPLE_EVERY = 5
/** A sweep samples at most so many peers. */
const SAMPLE_MOST = 100
/** A new log begins after this time, so that at least the last ten minutes are kept. In milliseconds. */
const ROTATE_MS = 10 * 60_000
/** Of a peer that uses the same as before, a line is written after this time. In milliseconds. */
const UNCHANGED_MS = 15_000
/** A change of memory is written from this share on. */
const CHANGE = 0.02

/** What is known of one session. */
interface Known {
  /** Of its descendants, without its program, at the end of the last scan. */
  othersBytes: number
  ownBytes: number
  cpuMs: number
  tasks: number
  /** When the last scan ended, milliseconds since the epoch; 0 before the first one. */
  scannedMs: number
  cpuPercent: number | undefined
  peakBytes: number
  last: PeerUsage | undefined
  /** The last sample that is in the log. */
  written: PeerUsage | undefined
}

const NOTHING: Known = {
  othersBytes: 0,
  ownBytes: 0,
  cpuMs: 0,
  tasks: 0,
  scannedMs: 0,
  cpuPercent: undefined,
  peakBytes: 0,
  last: undefined,
  written: undefined,
}

/** Whether the newest log does not have this sample yet, or nearly. */
function isNews({ last, written }: Known): boolean {
  if (last === undefined || written === undefined) return last !== undefined
  if (last.atMs - written.atMs >= UNCHANGED_MS) return true
  const change = Math.abs(last.memoryBytes - written.memoryBytes)
  return change > CHANGE * written.memoryBytes || last.tasks !== written.tasks
}

/** Returns what is known after a scan. Pure. */
function afterScan(known: Known | undefined, tree: TreeSum, nowMs: number): Known {
  const cpuMs = Math.max(known?.cpuMs ?? 0, tree.cpuMs)
  const sinceMs = known === undefined || known.scannedMs === 0 ? 0 : nowMs - known.scannedMs
  return {
    othersBytes: tree.residentBytes - tree.ownBytes,
    ownBytes: tree.ownBytes,
    cpuMs,
    tasks: tree.tasks,
    scannedMs: nowMs,
    cpuPercent:
      sinceMs <= 0 || known === undefined ? known?.cpuPercent : ((cpuMs - known.cpuMs) / sinceMs) * 100,
    peakBytes: known?.peakBytes ?? 0,
    last: known?.last,
    written: known?.written,
  }
}

/**
 * Samples memory, processor time and tasks of each peer, cheaply: the memory of a program comes with the check whether it runs, a
 * part of the process table is read at each sweep, and a peer with a cgroup of its own takes one read. The samples are on disk, so
 * that the last minutes before a death are known even if this process died with the peer.
 */
export class UsageSampler {
  readonly #root: string
  readonly #scan = new UsageScan(SCAN_STEPS, SCAN_MOST)
  readonly #cgroups = new OwnCgroups()
  #known = new Map<string, Known>()
  #sweeps = 0
  #rotatedMs = 0

  constructor(root: string) {
    this.#root = root
  }

  /** Continues with the samples of an earlier supervisor. */
  async recall(): Promise<void> {
    for (const [key, { peakBytes, cpuMs, tasks }] of await latestUsage(this.#root)) {
      this.#known.set(key, { ...NOTHING, cpuMs, tasks, peakBytes })
    }
  }

  /** Returns the newest sample of each running session. */
  latest(): readonly PeerUsage[] {
    return [...this.#known.values()].flatMap(({ last }) => last ?? [])
  }

  /** Finds the cgroups that belong to one session alone; for each tick, because a program can move. */
  findCgroups(sessions: readonly PeerSession[]): void {
    this.#cgroups.find(sessions)
  }

  /** Does the work of one sweep. @param running the sessions whose programs run @throws IapeerError `ps-failed` */
  async sweep(running: readonly PeerSession[], probes: LivenessProbes, nowMs: number): Promise<void> {
    const rows = await this.#scan.step()
    if (rows !== undefined) this.#take(rows, running, nowMs)
    this.#sweeps++
    const every = Math.max(SAMPLE_EVERY, Math.ceil(running.length / SAMPLE_MOST))
    const samples: Known[] = []
    for (let at = this.#sweeps % every; at < running.length; at += every) {
      const session = running[at]
      const known = session && this.#sample(session, probes, nowMs)
      if (known !== undefined) samples.push(known)
    }
    this.#write(samples, nowMs)
  }

  #take(rows: readonly UsageRow[], running: readonly PeerSession[], nowMs: number): void {
    const trees = sumTrees(
      rows,
      running.map(({ leader }) => leader.pid),
    )
    const next = new Map<string, Known>()
    for (const session of running) {
      const [key, tree] = [usageKey(session), trees.get(session.leader.pid)]
      const known = this.#known.get(key)
      const after = tree === undefined ? known : afterScan(known, tree, nowMs)
      if (after !== undefined) next.set(key, after)
    }
    this.#known = next
  }

  /** Returns what is known of a session; of a new one, what its program alone uses. */
  #knownOf(session: PeerSession): Known | undefined {
    const key = usageKey(session)
    const known = this.#known.get(key)
    if (known !== undefined && known.ownBytes > 0) return known
    const row = readUsageRow(session.leader.pid)
    if (row === undefined) return undefined
    const { residentBytes: ownBytes, cpuMs, tasks } = row
    const first = { ...NOTHING, ...known, ownBytes, cpuMs: Math.max(known?.cpuMs ?? 0, cpuMs), tasks }
    this.#known.set(key, first)
    return first
  }

  #sample(session: PeerSession, probes: LivenessProbes, nowMs: number): Known | undefined {
    const known = this.#knownOf(session)
    if (known === undefined) return undefined
    const ownBytes = probes.residentBytes(session.leader) ?? known.ownBytes
    const memoryBytes = this.#cgroups.memoryOf(session) ?? ownBytes + known.othersBytes
    known.peakBytes = Math.max(known.peakBytes, memoryBytes)
    const { cpuMs, tasks, cpuPercent, peakBytes } = known
    const { identity, gen } = session
    known.last = { identity, gen, atMs: nowMs, memoryBytes, peakBytes, cpuMs, tasks, cpuPercent }
    return known
  }

  #write(sampled: readonly Known[], nowMs: number): void {
    try {
      if (nowMs - this.#rotatedMs >= ROTATE_MS) this.#rotate(nowMs)
      const news = sampled.filter(isNews)
      const samples = news.flatMap(({ last }) => last ?? [])
      if (samples.length > 0) appendUsage(this.#root, samples)
      for (const known of news) known.written = known.last
    } catch (error) {
      // A full or read-only disk: supervision goes on without samples.
      if (errnoOf(error) === undefined) throw error
    }
  }

  /** Begins a new log, which has a sample of each session from its beginning. */
  #rotate(nowMs: number): void {
    this.#rotatedMs = nowMs
    try {
      rotateUsage(this.#root)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    appendUsage(this.#root, this.latest())
  }
}
