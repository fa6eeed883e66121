// Watches the launch queue of a root and the memory of a cgroup, for memory-deaths.mjs.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const EVERY_MS = 25
/** A launch begins within this time after it has read how much memory there is. */
const DECISION_MS = 500

/** Returns the object in a JSON file; undefined if the file is gone. */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return undefined
  }
}

/** Returns the middle one of some numbers. */
const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]

/** Notes the memory that is available, which launches run, how many at once, and what holds the others. */
export class LaunchWatch {
  /** The launches that were seen: `identity` and `atMs`. */
  starts = []
  /** What held the launches after the mass death, in order: the kinds of hold.json. */
  holds = []
  /** For each identity, why its launch was seen to wait. */
  whys = new Map()
  mostAtOnce = 0
  mostWhileOneByOne = 0
  #root
  #cgroup
  #samples = []
  #starting = new Set()
  #timer

  constructor(root, cgroup) {
    this.#root = root
    this.#cgroup = cgroup
    this.#timer = setInterval(() => this.#look(), EVERY_MS)
  }

  close() {
    clearInterval(this.#timer)
  }

  /** Whether launches run now. */
  get isStarting() {
    return this.#starting.size > 0
  }

  /** Returns the median of the most memory that the earlier sessions of a peer used, in bytes. */
  peakOf(identity) {
    const peaks = read(join(this.#root, 'state', 'usage', 'peaks.json'))?.peaks ?? []
    return median(peaks.filter((one) => one.identity === identity).map(({ peakBytes }) => peakBytes)) ?? 0
  }

  /** Returns the most that was available when a launch that began at a time was decided, in bytes. */
  availableBefore(ms) {
    const near = this.#samples.filter(({ atMs }) => atMs > ms - DECISION_MS && atMs <= ms + EVERY_MS)
    return Math.max(...near.map(({ availableBytes }) => availableBytes))
  }

  /** Returns the least that was available since a time, in bytes. */
  leastSince(ms) {
    const later = this.#samples.filter(({ atMs }) => atMs >= ms)
    return Math.min(...later.map(({ availableBytes }) => availableBytes))
  }

  /** Returns how often it looked in a span of time. */
  looksIn(fromMs, toMs) {
    return this.#samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).length
  }

  #look() {
    const nowMs = Date.now()
    this.#samples.push({ atMs: nowMs, availableBytes: this.#cgroup.availableBytes })
    const directory = join(this.#root, 'state', 'launch')
    const hold = read(join(directory, 'hold.json'))?.kind
    if (hold !== undefined && hold !== this.holds.at(-1)) this.holds.push(hold)
    const starting = new Set()
    const names = readdirSync(directory).filter((name) => name.endsWith('.json') && name !== 'hold.json')
    for (const name of names) {
      const { identity, state, why } = read(join(directory, name)) ?? {}
      if (state === 'starting') starting.add(identity)
      if (why === undefined) continue
      if (!this.whys.has(identity)) this.whys.set(identity, new Set())
      this.whys.get(identity).add(why)
    }
    for (const identity of starting)
      if (!this.#starting.has(identity)) this.starts.push({ identity, atMs: nowMs })
    this.#starting = starting
    this.mostAtOnce = Math.max(this.mostAtOnce, starting.size)
    if (hold === 'memory') this.mostWhileOneByOne = Math.max(this.mostWhileOneByOne, starting.size)
  }
}
