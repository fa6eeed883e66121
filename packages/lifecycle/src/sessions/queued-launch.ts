import { join } from 'node:path'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { number, parseFields, text, word } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { formatProcessId, observeProcesses, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import { bytesText } from './bytes-text.ts'

const STATES = ['queued', 'starting', 'started'] as const
const REASONS = ['memory', 'others', 'held'] as const
/** Who asks for a launch. A person goes before the others, and a hold after a mass death does not apply to them. */
const ASKERS = ['person', 'daemon', 'message'] as const
export type LaunchAsker = (typeof ASKERS)[number]

/**
 * Why a launch waits. `memory`: less is available than it needs. `others`: as many peers as allowed are starting, or others wait in
 * front of it. `held`: after a mass death.
 */
export interface QueueReason {
  readonly why: (typeof REASONS)[number]
  readonly availableBytes?: number | undefined
  readonly neededBytes?: number | undefined
  /** Of a hold: what holds it, as text. */
  readonly cause?: string | undefined
}

/** A launch that waits, runs, or whose program may still grow: `state/launch/<identity>.<id>.json`. */
export interface LaunchEntry {
  readonly identity: Identity
  /** The name of its file. */
  readonly name: string
  /** `started`: its program runs, and the memory that it will need is still set aside. */
  readonly state: (typeof STATES)[number]
  readonly by: LaunchAsker
  /** The process that asks; of a `started` one, the program. */
  readonly owner: ProcessId
  /** Since when it waits, milliseconds since the epoch. */
  readonly sinceMs: number
  /** When its file was written: a waiting one is written again every few seconds. */
  readonly writtenMs: number
  readonly reason?: QueueReason | undefined
  /** The memory that is set aside for it. */
  readonly promisedBytes: number
}

/** A waiting launch whose file was not written for this time is given up. In milliseconds. */
const FORGOTTEN_MS = 30_000
/** For how long memory is set aside for a program that has started: it grows during its first minute. */
const GROWTH_MS = 60_000

function parseReason(fields: Readonly<Record<string, unknown>>): QueueReason | undefined {
  const why = word(fields['why'], REASONS)
  if (why === undefined) return undefined
  return {
    why,
    availableBytes: number(fields['availableBytes']),
    neededBytes: number(fields['neededBytes']),
    cause: text(fields['cause']),
  }
}

/** Parses a launch entry; undefined for a file that is not whole. */
export function parseLaunchEntry(name: string, json: string): LaunchEntry | undefined {
  const fields = parseFields(json) ?? {}
  const identity = text(fields['identity']) ?? ''
  const owner = parseProcessId(text(fields['owner']) ?? '')
  const [state, by] = [word(fields['state'], STATES), word(fields['by'], ASKERS)]
  const [sinceMs, writtenMs] = [number(fields['sinceMs']), number(fields['writtenMs'])]
  if (!isIdentity(identity) || owner === undefined || state === undefined) return undefined
  if (sinceMs === undefined || writtenMs === undefined) return undefined
  const promisedBytes = number(fields['promisedBytes']) ?? 0
  const reason = parseReason(fields)
  return { identity, name, state, by: by ?? 'person', owner, sinceMs, writtenMs, promisedBytes, reason }
}

/** Formats a launch entry for its file. */
export function formatLaunchEntry({ owner, name: _name, reason, ...rest }: LaunchEntry): string {
  return `${JSON.stringify({ schemaVersion: 1, ...rest, owner: formatProcessId(owner), ...reason })}\n`
}

/** Whether an entry counts at a time, if its owner runs. */
function isCurrent({ state, writtenMs }: LaunchEntry, nowMs: number): boolean {
  if (state === 'starting') return true
  return nowMs - writtenMs < (state === 'queued' ? FORGOTTEN_MS : GROWTH_MS)
}

/** The entries of a root: those that count, and the names of files that can be removed. */
export interface LaunchEntries {
  readonly current: readonly LaunchEntry[]
  readonly stale: readonly string[]
}

/** Reads every launch that waits or runs. The entry of a process that is gone is stale. */
export async function readLaunchEntries(root: string, nowMs = Date.now()): Promise<LaunchEntries> {
  const { launchDir } = rootLayout(root)
  const names = (await namesIn(launchDir)).filter((name) => name.endsWith('.json') && name !== HOLD_FILE)
  const found = await Promise.all(
    names.map(async (name) => {
      const content = (await readRegularFile(join(launchDir, name)))?.text
      return content === undefined ? undefined : (parseLaunchEntry(name, content) ?? name)
    }),
  )
  const stale = found.filter((one) => typeof one === 'string')
  const entries = found.filter((one) => typeof one === 'object')
  const owners = await observeProcesses(entries.map(({ owner }) => owner))
  const isLive = (entry: LaunchEntry, at: number): boolean => owners[at] !== 'gone' && isCurrent(entry, nowMs)
  return {
    current: entries.filter(isLive),
    stale: [...stale, ...entries.filter((entry, at) => !isLive(entry, at)).map(({ name }) => name)],
  }
}

/** The file of a hold after a mass death. */
export const HOLD_FILE = 'hold.json'

/** Returns the launches that wait or have just begun, by identity; of several for one identity, the oldest. */
export async function pendingLaunches(root: string): Promise<ReadonlyMap<Identity, LaunchEntry>> {
  const { current } = await readLaunchEntries(root)
  const pending = current.filter(({ state }) => state !== 'started')
  return new Map(
    pending.sort((one, other) => other.sinceMs - one.sinceMs).map((entry) => [entry.identity, entry]),
  )
}

/** Returns why a launch waits, as text: `0.8 GiB available, 1.4 GiB needed`. */
export function queuedText(reason: QueueReason | undefined): string {
  if (reason?.why === 'held') return reason.cause ?? 'restarts are held'
  const { why, availableBytes, neededBytes } = reason ?? { why: 'others' }
  if (why !== 'memory' || availableBytes === undefined || neededBytes === undefined)
    return 'other peers are starting or are before it in the queue'
  return `${bytesText(availableBytes)} available, ${bytesText(neededBytes)} needed`
}
