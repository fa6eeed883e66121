import type { Identity } from '@iapeer/core/identity'
import { identitiesOf, listPeers, type PeerEntry } from '@iapeer/core/registry'
import {
  isIdleState,
  type PeerSession,
  type PeerState,
  type PeerStatus,
  statusesOf,
} from '../sessions/index.ts'
import { peerNamed } from './named.ts'
import { type Recording, readRecording, recorderOf } from './recording.ts'

/** A peer and what it is doing, as `iapeer list --json` prints it. What is not known is absent. */
export interface PeerView {
  /** The identity that runs, else the one that is planned to start, else the default one. */
  readonly identity: string
  readonly personality: string
  readonly runtime: string
  readonly runtimes: readonly string[]
  readonly intelligence: string
  readonly description?: string | undefined
  readonly home: string
  readonly cwd: string
  readonly state: PeerState
  readonly serverPid?: number | undefined
  readonly leaderPid?: number | undefined
  readonly gen?: string | undefined
  /** Who records its end; `none` too where its recorder is gone. */
  readonly canary?: 'guard' | 'watch' | 'none' | undefined
  /** ISO-8601 UTC. */
  readonly startedAt?: string | undefined
  /** Of one that is blocked: since when, ISO-8601 UTC. */
  readonly blockedSince?: string | undefined
  /** Of one that is blocked: what stands there, where that is known. */
  readonly dialog?: string | undefined
  /** Of one that is blocked: what to do about it. */
  readonly hint?: string | undefined
  /** Of one that is blocked: the last lines of its screen. */
  readonly screen?: string | undefined
  /** Of a peer that does not run: when the daemon plans to start it, ISO-8601 UTC, later than now. */
  readonly nextStartAt?: string | undefined
  /** How many restarts have followed each other without a healthy time between. */
  readonly restarts?: number | undefined
  /** The id of its last recorded death. */
  readonly lastDeath?: string | undefined
}

interface Current extends PeerStatus {
  readonly identity: Identity
  readonly nextStartAt: string | undefined
}

/** A start that was due and did not come is no plan any more. */
function nextStartOf({ state, tally }: PeerStatus): string | undefined {
  const at = tally.startAt === undefined ? Number.NaN : Date.parse(tally.startAt)
  return isIdleState(state) && at > Date.now() ? new Date(at).toISOString() : undefined
}

/** The status of the identity that runs, else of one that is planned to start, else of the default one. */
function currentOf(statuses: readonly [Current, ...Current[]]): Current {
  return statuses.find((one) => one.session) ?? statuses.find((one) => one.nextStartAt) ?? statuses[0]
}

/** What some peers are doing, in their order; the process table is read once for all of them. */
async function currentStatuses(root: string, entries: readonly PeerEntry[]): Promise<Current[]> {
  const identities = entries.map((entry) => identitiesOf(entry))
  const statuses = (await statusesOf(root, identities.flat())).values()
  const nextOf = (identity: Identity): Current => {
    const { value: status } = statuses.next()
    if (status === undefined) throw new RangeError(`no status of ${identity}`)
    return { ...status, identity, nextStartAt: nextStartOf(status) }
  }
  return identities.map(([own, ...others]) => currentOf([nextOf(own), ...others.map(nextOf)]))
}

/** The fields of its profile; the sections of interfaces are left out, they can hold secrets. */
export function peerFields(entry: PeerEntry): Omit<PeerView, 'state'> {
  return {
    identity: `${entry.defaultRuntime}-${entry.personality}`,
    personality: entry.personality,
    runtime: entry.defaultRuntime,
    runtimes: entry.runtimes,
    intelligence: entry.intelligence,
    ...(entry.description === '' ? {} : { description: entry.description }),
    home: entry.home,
    cwd: entry.cwd,
  }
}

function memoryFields({ tally, identity, nextStartAt }: Current): Partial<PeerView> {
  const last = tally.endings.findLast((one) => one.death)
  return {
    ...(nextStartAt === undefined ? {} : { nextStartAt }),
    ...(tally.restarts === 0 ? {} : { restarts: tally.restarts }),
    ...(last === undefined ? {} : { lastDeath: `${last.recordedAs ?? identity}-${last.gen}` }),
  }
}

function blockedFields({ blocked }: PeerSession): Partial<PeerView> {
  if (blocked === undefined) return {}
  const { since, dialog, hint, screen } = blocked
  return {
    blockedSince: since,
    ...(dialog === undefined ? {} : { dialog }),
    ...(hint === undefined ? {} : { hint }),
    screen,
  }
}

function sessionFields(
  { state, session }: Current,
  recording: Recording | undefined,
): Partial<PeerView> & Pick<PeerView, 'state'> {
  if (session === undefined) return { state }
  const { server, leader, gen, startedAt } = session
  return {
    state,
    serverPid: server.pid,
    leaderPid: leader.pid,
    ...(gen === undefined ? {} : { gen }),
    ...(recording === undefined ? {} : { canary: recorderOf(recording, session) }),
    startedAt,
    ...blockedFields(session),
  }
}

function viewOf(entry: PeerEntry, current: Current, recording: Recording | undefined): PeerView {
  const { identity } = current
  return { ...peerFields(entry), identity, ...sessionFields(current, recording), ...memoryFields(current) }
}

/** All peers, by name. @throws as `listPeers` */
export async function fleetView(root: string): Promise<PeerView[]> {
  const [entries, recording] = await Promise.all([listPeers(root), readRecording(root)])
  const statuses = await currentStatuses(root, entries)
  return entries.flatMap((entry, at) => {
    const current = statuses[at]
    return current === undefined ? [] : [viewOf(entry, current, recording)]
  })
}

/** One peer, by its name or an identity of it. @throws IapeerError `no-such-peer` */
export async function peerView(root: string, name: string): Promise<PeerView> {
  const { entry } = await peerNamed(root, name)
  const [current] = await currentStatuses(root, [entry])
  if (current === undefined) throw new RangeError(`no status of ${name}`)
  return viewOf(entry, current, await readRecording(root))
}
