import type { Identity } from '@iapeer/core/identity'
import { type Permissions, readProfile } from '@iapeer/core/profile'
import { identitiesOf, listPeers, type PeerEntry } from '@iapeer/core/registry'
import { hasPermissions, permissionsOf, readLaunchEnv } from '../runtimes/index.ts'
import {
  countedCrashes,
  ignoreUnreadable,
  isIdleState,
  type LastEnd,
  type LaunchEntry,
  latestUsage,
  type Mark,
  markedAt,
  type PeerSession,
  type PeerState,
  type PeerStatus,
  type PeerUsage,
  pendingLaunches,
  queuedText,
  statusesOf,
  usageKey,
} from '../sessions/index.ts'
import { isSupervised } from './is-supervised.ts'
import { type Recording, readRecording, recorderOf } from './recording.ts'
import { type TurnView, turnsOf } from './turn-view.ts'
import { withUnsettledEnd } from './unsettled-end.ts'

/** A peer and its state, as `iapeer list --json` prints it. Unknown fields are absent. */
export interface PeerView {
  /** The identity that runs, else one with a planned start, else the default one. */
  readonly identity: string
  readonly personality: string
  readonly runtime: string
  readonly runtimes: readonly string[]
  readonly intelligence: string
  readonly description?: string | undefined
  readonly home: string
  readonly cwd: string
  /** For claude and codex: how the agent gets permission to act, from its next start on. */
  readonly permissions?: Permissions | undefined
  readonly state: PeerState
  readonly serverPid?: number | undefined
  readonly leaderPid?: number | undefined
  readonly gen?: string | undefined
  /** The recorder of its server; also `none` where the recorder is gone. */
  readonly canary?: 'guard' | 'watch' | 'none' | undefined
  /** ISO-8601 UTC. */
  readonly startedAt?: string | undefined
  /** When blocked: since when, ISO-8601 UTC. */
  readonly blockedSince?: string | undefined
  /** When blocked: the name of the dialog, where it is known. */
  readonly dialog?: string | undefined
  /** When blocked: what to do about it. */
  readonly hint?: string | undefined
  /** When blocked: the last lines of its screen. */
  readonly screen?: string | undefined
  /** While it runs: what its agent does. */
  readonly turn?: TurnView | undefined
  /** When not running: the time of its planned start, ISO-8601 UTC; absent once that start is overdue. */
  readonly nextStartAt?: string | undefined
  /** Whether its start is planned or overdue, and no daemon is running that would start it; absent otherwise. */
  readonly awaitsDaemon?: true | undefined
  /** When not running: its start waits, since when, and why. */
  readonly queued?: { readonly since: string; readonly why: string } | undefined
  /** When running: what its program and its descendants use, as the daemon last measured it. */
  readonly usage?: UsageView | undefined
  /** The number of restarts in a row without a healthy session in between; absent for 0. */
  readonly restarts?: number | undefined
  /** The id of its last recorded death. */
  readonly lastDeath?: string | undefined
  /** How its last session ended; absent where none has ended. */
  readonly lastEnd?: LastEnd | undefined
  /** Since when it is in its present state, ISO-8601 UTC, where that is known. */
  readonly since?: string | undefined
  /** The id of the conversation that it is in, or was in last; absent where that is not known, and without conversations. */
  readonly conversation?: string | undefined
  /** Why its last attempt to resume that conversation failed; absent once an attempt has succeeded. */
  readonly resumeProblem?: string | undefined
  /** In a crash loop: the deaths that made it. */
  readonly loop?: { readonly deaths: number; readonly withinSecs: number } | undefined
}

/** What a running peer uses. */
export interface UsageView {
  /** When it was measured, ISO-8601 UTC. */
  readonly at: string
  readonly memoryBytes: number
  /** The most memory since its start. */
  readonly peakBytes: number
  /** Of one processor, over the last seconds; absent before the second measurement. */
  readonly cpuPercent?: number | undefined
  /** Since its start, in milliseconds. */
  readonly cpuMs: number
  /** Threads; processes where the system does not count threads. */
  readonly tasks: number
}

interface Current extends PeerStatus {
  readonly identity: Identity
  readonly nextStartAt: string | undefined
  /** Whether a daemon would start it now or later. */
  readonly isPlanned: boolean
}

const isPlanned = ({ state, tally }: PeerStatus): boolean => isIdleState(state) && tally.startAt !== undefined

/** A planned start takes less time than this from its time until its session is written. In milliseconds. */
const START_MS = 3_000

/** Returns when a peer is planned to start; undefined once that start is overdue. */
function nextStartOf({ state, tally }: PeerStatus): string | undefined {
  const at = tally.startAt === undefined ? Number.NaN : Date.parse(tally.startAt)
  return isIdleState(state) && at > Date.now() - START_MS ? new Date(at).toISOString() : undefined
}

/** Returns the status of the identity that runs, else of one with a planned start, else of the default one. */
function currentOf(statuses: readonly [Current, ...Current[]]): Current {
  return statuses.find((one) => one.session) ?? statuses.find((one) => one.nextStartAt) ?? statuses[0]
}

/** Returns the status of each peer, in the given order; reads the process table once for all. */
async function currentStatuses(root: string, entries: readonly PeerEntry[]): Promise<Current[]> {
  const identities = entries.map((entry) => identitiesOf(entry))
  const statuses = (await statusesOf(root, identities.flat())).values()
  const nextOf = (identity: Identity): Current => {
    const { value: found } = statuses.next()
    if (found === undefined) throw new RangeError(`no status of ${identity}`)
    const status = withUnsettledEnd(root, found)
    return { ...status, identity, nextStartAt: nextStartOf(status), isPlanned: isPlanned(status) }
  }
  return identities.map(([own, ...others]) => currentOf([nextOf(own), ...others.map(nextOf)]))
}

/** Returns the fields from the profile of a peer, without the sections of interfaces: they can hold secrets. */
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

/** The mark that a stop leaves, and whose time is that of the stop. */
const MARK_OF: Partial<Record<PeerState, Mark>> = { stopped: 'stopped', suspended: 'idle' }

/** Returns since when a peer is in its present state. It is not known when a server became unresponsive. */
async function sinceOf(
  root: string,
  { state, session, tally, identity }: Current,
): Promise<string | undefined> {
  if (state === 'unresponsive') return undefined
  if (session !== undefined) return session.blocked?.since ?? session.startedAt
  const mark = MARK_OF[state]
  if (mark !== undefined) return (await markedAt(root, identity, mark)) ?? tally.endings.at(-1)?.ts
  return state === 'crash-loop' ? tally.loopSince : tally.endings.at(-1)?.ts
}

async function loopOf({ state, tally }: Current): Promise<PeerView['loop']> {
  if (state !== 'crash-loop' || tally.loopSince === undefined) return undefined
  // The supervisor is a lot of code, and few peers are in a crash loop.
  const { usableSettings } = await import('../supervise/index.ts')
  const withinSecs = usableSettings(process.env).crashloopWindowSecs
  const deaths = countedCrashes(tally, new Date(tally.loopSince), withinSecs)
  return deaths === 0 ? undefined : { deaths, withinSecs }
}

async function tallyFields(current: Current): Promise<Partial<PeerView>> {
  const { tally, identity, nextStartAt } = current
  const last = tally.endings.findLast((one) => one.death)
  const loop = tally.resumeProblem === undefined ? await loopOf(current) : undefined
  const conversation = (current.session ?? current.unsettled ?? tally).conversation?.id
  return {
    ...(conversation === undefined ? {} : { conversation }),
    ...(tally.resumeProblem === undefined ? {} : { resumeProblem: tally.resumeProblem }),
    ...(tally.lastEnd === undefined ? {} : { lastEnd: tally.lastEnd }),
    ...(loop === undefined ? {} : { loop }),
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

/** Reads the permissions of a peer; none for a runtime without permissions, or if the files of its home cannot be read. */
async function permissionFields({ home, defaultRuntime }: PeerEntry): Promise<Partial<PeerView>> {
  if (!hasPermissions(defaultRuntime)) return {}
  const read = async (): Promise<Partial<PeerView>> => {
    const [profile, launchEnv] = await Promise.all([readProfile(home), readLaunchEnv(home, defaultRuntime)])
    return profile === undefined ? {} : { permissions: permissionsOf(defaultRuntime, { profile, launchEnv }) }
  }
  return read().catch((error: unknown) => ignoreUnreadable(error) ?? {})
}

/** What is read once for all peers. */
interface Circumstances {
  readonly recording: Recording | undefined
  /** By identity. */
  readonly turns: ReadonlyMap<Identity, TurnView>
  readonly supervised: boolean
  readonly pending: ReadonlyMap<Identity, LaunchEntry>
  readonly usage: ReadonlyMap<string, PeerUsage>
}

/** Reads what all views need. Whether a daemon is running matters only to a planned start. */
async function circumstancesOf(root: string, currents: readonly Current[]): Promise<Circumstances> {
  const isRunning = currents.some(({ session }) => session !== undefined)
  const isIdle = currents.some(({ session }) => session === undefined)
  const sessions = currents.flatMap(({ state, session }) =>
    session === undefined || state === 'unresponsive' ? [] : [session],
  )
  const [recording, supervised, pending, usage, turns] = await Promise.all([
    readRecording(root),
    currents.some((one) => one.isPlanned) ? isSupervised(root) : true,
    isIdle ? pendingLaunches(root) : new Map(),
    isRunning ? latestUsage(root) : new Map(),
    turnsOf(root, sessions),
  ])
  return { recording, supervised, pending, usage, turns }
}

function pendingFields({ session, identity }: Current, { pending }: Circumstances): Partial<PeerView> {
  const entry = session === undefined ? pending.get(identity) : undefined
  if (entry === undefined) return {}
  // A planned start that has left the queue: its session is written a moment later.
  if (entry.state !== 'queued') return entry.by === 'person' ? {} : { nextStartAt: new Date().toISOString() }
  return { queued: { since: new Date(entry.sinceMs).toISOString(), why: queuedText(entry.reason) } }
}

/** A sample that is older is not what the peer uses now: no daemon runs. In milliseconds. */
const USAGE_MS = 60_000

function usageFields({ session }: Current, { usage }: Circumstances): Partial<PeerView> {
  const found = session === undefined ? undefined : usage.get(usageKey(session))
  if (found === undefined || Date.now() - found.atMs > USAGE_MS) return {}
  const { atMs, memoryBytes, peakBytes, cpuPercent, cpuMs, tasks } = found
  const percent = cpuPercent === undefined ? {} : { cpuPercent }
  return { usage: { at: new Date(atMs).toISOString(), memoryBytes, peakBytes, ...percent, cpuMs, tasks } }
}

async function viewOf(
  root: string,
  entry: PeerEntry,
  { current, ...circumstances }: Circumstances & { readonly current: Current },
): Promise<PeerView> {
  const { recording, supervised } = circumstances
  const { identity } = current
  const pending = pendingFields(current, circumstances)
  const [ofState, permissions] = await Promise.all([sinceOf(root, current), permissionFields(entry)])
  const since = pending.queued?.since ?? ofState
  const turn = circumstances.turns.get(identity)
  return {
    ...peerFields(entry),
    ...permissions,
    identity,
    ...sessionFields(current, recording),
    ...(turn === undefined ? {} : { turn }),
    ...(await tallyFields(current)),
    ...(current.isPlanned && !supervised ? { awaitsDaemon: true } : {}),
    ...pending,
    ...usageFields(current, circumstances),
    ...(since === undefined ? {} : { since }),
  }
}

/** Returns a view of every peer, in the order of `listPeers`. @throws as `listPeers` */
export async function fleetView(root: string): Promise<PeerView[]> {
  const entries = await listPeers(root)
  const statuses = await currentStatuses(root, entries)
  const circumstances = await circumstancesOf(root, statuses)
  return Promise.all(
    entries.flatMap((entry, at) => {
      const current = statuses[at]
      return current === undefined ? [] : [viewOf(root, entry, { current, ...circumstances })]
    }),
  )
}

/** Returns a view of one peer, by its name or one of its identities. @throws IapeerError `no-such-peer` */
export async function peerView(root: string, name: string): Promise<PeerView> {
  // A list needs no names, and the code that finds one can finish a rename.
  const { peerNamed } = await import('./named.ts')
  const { entry } = await peerNamed(root, name)
  const [current] = await currentStatuses(root, [entry])
  if (current === undefined) throw new RangeError(`no status of ${name}`)
  return viewOf(root, entry, { current, ...(await circumstancesOf(root, [current])) })
}
