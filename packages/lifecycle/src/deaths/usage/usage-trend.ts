import { bytesText, type PeerUsage, rangeText } from '../../sessions/index.ts'

/** Earlier samples say nothing about a death. In milliseconds. */
const WINDOW_MS = 10 * 60_000
/** A peer whose last sample is older was not sampled until its death. In milliseconds. */
const STALE_MS = 2 * 60_000
/** A peer that uses the same as before has a sample each fifteen seconds. */
const AGE_MS = 20_000
/** Memory has changed if it differs by this share, and by this many bytes. */
const CHANGE = 0.3
const CHANGE_BYTES = 32 * 1_024 ** 2
/** Memory within this share of its lowest value has not begun to grow. */
const NEAR = 0.03
/** Tasks are worth mentioning if they grew to this many times as many, and by this number. */
const TASKS_TIMES = 2
const TASKS_MORE = 50

/** What a peer used in the last minutes before its death. */
export interface DeathUsage {
  /** In one sentence: `memory grew from 1.2 to 3.9 GiB in 4 min; 12 tasks, CPU 35 %`. */
  readonly summary: string
  /** The time of the last sample, ISO-8601 UTC. */
  readonly at: string
  readonly memoryBytes: number
  /** The most since its start. */
  readonly peakBytes: number
  readonly tasks: number
}

/** Returns a duration in one unit: `40 s`, `4 min`. */
function spanText(ms: number): string {
  const secs = Math.round(ms / 1_000)
  return secs < 120 ? `${secs} s` : `${Math.round(secs / 60)} min`
}

const hasChanged = (low: number, high: number): boolean =>
  high - low >= CHANGE_BYTES && high >= low * (1 + CHANGE)

/** Returns the last sample before memory began to grow from its lowest value. */
function beforeGrowth(samples: readonly PeerUsage[], last: PeerUsage): PeerUsage {
  const lowest = Math.min(...samples.map(({ memoryBytes }) => memoryBytes))
  return samples.findLast(({ memoryBytes }) => memoryBytes <= lowest * (1 + NEAR)) ?? last
}

function memoryText(samples: readonly PeerUsage[], last: PeerUsage): string {
  const from = beforeGrowth(samples, last)
  if (hasChanged(from.memoryBytes, last.memoryBytes))
    return `memory grew from ${rangeText(from.memoryBytes, last.memoryBytes)} in ${spanText(last.atMs - from.atMs)}`
  const most = Math.max(...samples.map(({ memoryBytes }) => memoryBytes))
  const now = bytesText(last.memoryBytes)
  if (hasChanged(last.memoryBytes, most)) return `memory ${now}, after up to ${bytesText(most)}`
  const [first = last] = samples
  return first === last ? `memory ${now}` : `memory ${now}, steady for ${spanText(last.atMs - first.atMs)}`
}

function tasksText(samples: readonly PeerUsage[], { tasks }: PeerUsage): string {
  const least = Math.min(...samples.map((one) => one.tasks))
  if (tasks - least >= TASKS_MORE && tasks >= least * TASKS_TIMES)
    return `tasks grew from ${least} to ${tasks}`
  return tasks === 1 ? '1 task' : `${tasks} tasks`
}

/**
 * Returns what a peer used in the last minutes before its death; undefined if it was not sampled then. Pure.
 * @param samples oldest first
 * @param diedMs when it died, milliseconds since the epoch
 */
export function usageTrend(samples: readonly PeerUsage[], diedMs: number): DeathUsage | undefined {
  const near = samples.filter(({ atMs }) => atMs <= diedMs && diedMs - atMs <= WINDOW_MS)
  const last = near.at(-1)
  if (last === undefined || diedMs - last.atMs > STALE_MS) return undefined
  const { cpuPercent, memoryBytes, peakBytes, tasks } = last
  const cpu = cpuPercent === undefined ? '' : `, CPU ${Math.round(cpuPercent)} %`
  const ageMs = diedMs - last.atMs
  const age = ageMs < AGE_MS ? '' : ` (${spanText(ageMs)} before)`
  return {
    summary: `${memoryText(near, last)}; ${tasksText(near, last)}${cpu}${age}`,
    at: new Date(last.atMs).toISOString(),
    memoryBytes,
    peakBytes,
    tasks,
  }
}
