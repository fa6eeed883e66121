import { formatIdentity, type Identity } from '@iapeer/core/identity'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { type PeerState, type PeerStatus, statusOf } from '../sessions/state.ts'
import { identitiesOf, peerNamed } from './named.ts'
import { type Recording, readRecording, recorderOf } from './recording.ts'

/** A peer and what it is doing, as `iapeer list --json` prints it. What is not known is absent. */
export interface PeerView {
  /** Of a peer that is alive, the one it is alive as; else its default one. */
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
  /** How many restarts have followed each other without a healthy time between. */
  readonly restarts?: number | undefined
  /** The id of its last recorded death. */
  readonly lastDeath?: string | undefined
}

const defaultIdentity = ({ defaultRuntime: runtime, personality }: PeerEntry): Identity =>
  formatIdentity({ runtime, personality })

/** What a peer is doing as whichever runtime: one that is alive says more than one that is not. */
async function currentStatus(root: string, entry: PeerEntry): Promise<PeerStatus> {
  const all = await Promise.all(identitiesOf(entry).map((identity) => statusOf(root, identity)))
  const [first] = all
  return all.find((one) => one.session !== undefined) ?? first ?? statusOf(root, defaultIdentity(entry))
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

function memoryFields({ tally }: PeerStatus, identity: string): Partial<PeerView> {
  const last = tally.endings.findLast((one) => one.death)
  return {
    ...(tally.restarts === 0 ? {} : { restarts: tally.restarts }),
    ...(last === undefined ? {} : { lastDeath: `${identity}-${last.gen}` }),
  }
}

function sessionFields(
  { state, session }: PeerStatus,
  recording: Recording | undefined,
): Partial<PeerView> & Pick<PeerView, 'state'> {
  if (session === undefined) return { state }
  const { identity, server, leader, gen, startedAt } = session
  return {
    identity,
    state,
    serverPid: server.pid,
    leaderPid: leader.pid,
    ...(gen === undefined ? {} : { gen }),
    ...(recording === undefined ? {} : { canary: recorderOf(recording, session) }),
    startedAt,
  }
}

function viewOf(entry: PeerEntry, status: PeerStatus, recording: Recording | undefined): PeerView {
  const { identity = peerFields(entry).identity, ...rest } = sessionFields(status, recording)
  return { ...peerFields(entry), identity, ...rest, ...memoryFields(status, identity) }
}

/** All peers, by name. @throws as `listPeers` */
export async function fleetView(root: string): Promise<PeerView[]> {
  const [entries, recording] = await Promise.all([listPeers(root), readRecording(root)])
  return Promise.all(entries.map(async (entry) => viewOf(entry, await currentStatus(root, entry), recording)))
}

/** One peer, by its name or an identity of it. @throws IapeerError `no-such-peer` */
export async function peerView(root: string, name: string): Promise<PeerView> {
  const { entry } = await peerNamed(root, name)
  return viewOf(entry, await currentStatus(root, entry), await readRecording(root))
}
