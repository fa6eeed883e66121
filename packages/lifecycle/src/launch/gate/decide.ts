import type { MemoryReserve } from '@iapeer/core/settings'
import type { LaunchEntry, QueueReason } from '../../sessions/index.ts'
import type { HostMemory } from './host-memory.ts'

/** A small host still starts peers: the reserve is at most this share of its memory. */
const LARGEST_SHARE = 1 / 4
/** No launch waits for more than this share of the memory of the host, so that each can begin at some time. */
const MOST_NEEDED_SHARE = 3 / 4
/** A waiting launch that was not asked for within this time does not keep others behind it. In milliseconds. */
const ACTIVE_MS = 5_000

/** What decides whether a launch may begin. */
export interface GateInput {
  readonly own: Pick<LaunchEntry, 'identity' | 'by' | 'sinceMs' | 'name'>
  /** The other launches that wait or run, each with the memory that it will still take. */
  readonly others: readonly LaunchEntry[]
  /** Undefined where the system does not say. */
  readonly memory: HostMemory | undefined
  readonly reserve: MemoryReserve
  /** How much memory the peer usually needs at most. */
  readonly peakBytes: number
  /** How many peers may start at a time. */
  readonly parallel: number
  /** Why starts without a person are held; undefined if they are not. */
  readonly held?: string | undefined
  readonly nowMs: number
}

/** Whether a launch may begin. */
export type GateAnswer =
  | { readonly kind: 'go' }
  | {
      readonly kind: 'wait'
      readonly reason: QueueReason
      /** How many launches wait before it. */
      readonly ahead: number
    }

/** Returns the memory that stays free for everything else, in bytes. */
export function reservedBytes({ share, bytes }: MemoryReserve, totalBytes: number): number {
  return Math.min(Math.max(share * totalBytes, bytes), LARGEST_SHARE * totalBytes)
}

/** Whether another launch goes before: those of persons first, then by age. */
function isBefore(other: LaunchEntry, { own, nowMs }: GateInput): boolean {
  if (other.state !== 'queued' || other.reason?.why === 'held') return false
  if (nowMs - other.writtenMs >= ACTIVE_MS) return false
  const [rank, ownRank] = [Number(other.by !== 'person'), Number(own.by !== 'person')]
  if (rank !== ownRank) return rank < ownRank
  return other.sinceMs === own.sinceMs ? other.name < own.name : other.sinceMs < own.sinceMs
}

/** Returns why memory keeps a launch waiting; undefined if it does not. */
function lackOf({ memory, reserve, peakBytes }: GateInput, promisedBytes: number): QueueReason | undefined {
  if (memory === undefined) return undefined
  const { totalBytes } = memory
  const neededBytes = Math.min(reservedBytes(reserve, totalBytes) + peakBytes, MOST_NEEDED_SHARE * totalBytes)
  const availableBytes = Math.max(0, memory.availableBytes - promisedBytes)
  return availableBytes < neededBytes ? { why: 'memory', availableBytes, neededBytes } : undefined
}

/** Decides whether a launch may begin. Another launch of the same peer counts as the same one. Pure. */
export function gateAnswer(input: GateInput): GateAnswer {
  const { own, parallel, held } = input
  const others = input.others.filter(({ identity }) => identity !== own.identity)
  const starting = new Set(others.flatMap(({ state, identity }) => (state === 'starting' ? [identity] : [])))
  const before = others.filter((other) => isBefore(other, input))
  const wait = (reason: QueueReason): GateAnswer => ({ kind: 'wait', reason, ahead: before.length })
  if (held !== undefined && own.by !== 'person') return wait({ why: 'held', cause: held })
  const promised = others.reduce(
    (sum, { state, promisedBytes }) => sum + (state === 'queued' ? 0 : promisedBytes),
    0,
  )
  const lack = lackOf(input, promised)
  if (lack !== undefined) return wait(lack)
  const free = parallel - starting.size
  if (free <= 0 || before.length >= free) return wait({ why: 'others' })
  // A launch that needs less memory does not overtake one that waits for some.
  return before.some(({ reason }) => reason?.why === 'memory') ? wait({ why: 'others' }) : { kind: 'go' }
}
