import { errnoOf } from '@iapeer/core/errors'
import { matchesPeer } from '@iapeer/core/identity'
import { registrationTime } from '@iapeer/core/registry'
import type { ExitRecord } from '@iapeer/forensics'
import type { JudgedDeath } from '../deaths/index.ts'
import { fleetView, type PeerView, peerView } from './peer-view.ts'
import { type ShownState, shownState } from './shown-state.ts'

/** The last recorded death of a peer. */
export interface LastDeath {
  readonly id: string
  /** ISO-8601 UTC. With `seenAlive` the time at which the death was found. */
  readonly ts: string
  readonly seenAlive?: string | undefined
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  readonly cause?: string | undefined
  /** The word of its verdict; absent where it exited with a code, which needs no verdict. */
  readonly verdict?: string | undefined
}

/** A peer as a person sees it: what `iapeer list --json` and `show --json` print. */
export interface PeerStatusView extends PeerView {
  readonly shown: ShownState
  readonly death?: LastDeath | undefined
}

/**
 * Returns the last death of a peer: by its id, else the newest with its name since that name was registered. An earlier death is
 * one of a removed peer that had the name before.
 */
async function recordOf(
  root: string,
  view: PeerView,
  {
    records,
    byId,
  }: { readonly records: readonly ExitRecord[]; readonly byId: ReadonlyMap<string, ExitRecord> },
): Promise<ExitRecord | undefined> {
  const named = view.lastDeath === undefined ? undefined : byId.get(view.lastDeath)
  if (named !== undefined) return named
  const newest = records.findLast(({ identity }) => matchesPeer(identity, view.personality))
  if (newest === undefined) return undefined
  const registeredAt = await registrationTime(root, view.personality)
  return registeredAt === undefined || Date.parse(newest.ts) >= registeredAt.getTime() ? newest : undefined
}

/** Whether only a verdict can name the cause: an exit code speaks for itself. */
const needsVerdict = (record: ExitRecord): boolean =>
  record.event === 'server-exit' || record.exitCode === undefined

function deathOf(record: ExitRecord, judged: ReadonlyMap<string, JudgedDeath>): LastDeath {
  const { id, ts, seenAlive, signal, cause } = record
  const exitCode = record.event === 'session-exit' ? record.exitCode : undefined
  const verdict = judged.get(id)?.judged.verdict
  return {
    id,
    ts,
    ...(seenAlive === undefined ? {} : { seenAlive }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(cause === undefined ? {} : { cause }),
    ...(verdict === undefined ? {} : { verdict }),
  }
}

/** The times of a death and of the end that it caused are noted by different processes. In milliseconds. */
const SAME_END_MS = 5_000

/** Returns the death if it ended the last session: an earlier one says nothing about the present state. */
function endedBy({ since }: PeerView, death: LastDeath | undefined): LastDeath | undefined {
  if (death === undefined || since === undefined) return death
  return Date.parse(death.ts) >= Date.parse(since) - SAME_END_MS ? death : undefined
}

function shownOf(view: PeerView, death: LastDeath | undefined): ShownState {
  const { state, lastEnd, loop, dialog, nextStartAt, awaitsDaemon, resumeProblem } = view
  return shownState({
    state,
    lastEnd,
    loop,
    dialog,
    resumeProblem,
    awaitsDaemon,
    queued: view.queued?.why,
    lastExit: endedBy(view, death),
    startsInMs: nextStartAt === undefined ? undefined : Date.parse(nextStartAt) - Date.now(),
  })
}

/** Reads the deaths; none where the log cannot be read, which `recordingProblem` reports. */
async function recordsOf(root: string): Promise<readonly ExitRecord[]> {
  const { readDeathRecords } = await import('../deaths/index.ts')
  try {
    return await readDeathRecords(root)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

/** Adds to each view its last death and the state that a person sees. Loads the code that reads deaths only if a peer has ended. */
async function withDeaths(root: string, views: readonly PeerView[]): Promise<PeerStatusView[]> {
  if (views.every((view) => view.lastEnd === undefined && view.lastDeath === undefined))
    return views.map((view) => ({ ...view, shown: shownOf(view, undefined) }))
  const { judgeAmong } = await import('../deaths/index.ts')
  const records = await recordsOf(root)
  const byId = new Map(records.map((record) => [record.id, record]))
  const found = await Promise.all(views.map((view) => recordOf(root, view, { records, byId })))
  const wanted = new Set(found.filter((record) => record !== undefined && needsVerdict(record)))
  const judged = new Map(
    (await judgeAmong(root, records, (record) => wanted.has(record))).map((one) => [one.record.id, one]),
  )
  return views.map((view, at) => {
    const record = found[at]
    if (record === undefined) return { ...view, shown: shownOf(view, undefined) }
    const death = deathOf(record, judged)
    return { ...view, death, shown: shownOf(view, death) }
  })
}

/** Returns every peer as a person sees it, in the order of `listPeers`. @throws as `listPeers` */
export const fleetStatus = async (root: string): Promise<PeerStatusView[]> =>
  withDeaths(root, await fleetView(root))

/** Returns one peer as a person sees it. @throws IapeerError `no-such-peer` */
export async function peerStatus(root: string, name: string): Promise<PeerStatusView> {
  const view = await peerView(root, name)
  const [status] = await withDeaths(root, [view])
  if (status === undefined) throw new RangeError(`no status of ${name}`)
  return status
}
