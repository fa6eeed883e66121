import { listCanaries } from '@iapeer/canary'
import { toRuntime } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { examineRecordDirectories } from '@iapeer/host'
import { channelsOf, deathView, deathViews } from '@iapeer/lifecycle/deaths'
import {
  fleetStatus,
  type NamedPeer,
  peerNamed,
  peerStatus,
  refreshNamed,
  renewNamed,
  resetNamed,
  startNamed,
  stopNamed,
  wakeNamed,
} from '@iapeer/lifecycle/fleet'
import type { WakeRequest } from '@iapeer/lifecycle/launch'
import { type Action, type Answer, type Received, versioned } from '@iapeer/protocol/routes'
import type { EventSource, Fleet, FleetHealth, Supervisor } from './fleet.ts'

export interface LocalFleetOptions {
  readonly events: EventSource
  /** The source of the statistics in the health. */
  readonly supervisor: Supervisor
  /** The environment of the daemon, which says where notifications go. */
  readonly env: NodeJS.ProcessEnv
}

async function canariesOf(root: string): Promise<FleetHealth['canaries']> {
  const canaries: Record<string, number> = {}
  for (const { state } of await listCanaries(rootRecordLocation(root)))
    canaries[state] = (canaries[state] ?? 0) + 1
  return canaries
}

/** Returns the reasons why deaths cannot be recorded. */
export const problemsOf = async (root: string): Promise<FleetHealth['problems']> =>
  (await examineRecordDirectories(root))
    .filter(({ level }) => level === 'error')
    .map(({ id, what, where }) => ({ id, what, ...(where === undefined ? {} : { where }) }))

async function healthOf(
  root: string,
  { supervisor, env }: Pick<LocalFleetOptions, 'supervisor' | 'env'>,
): Promise<FleetHealth> {
  const [canaries, problems, channels] = await Promise.all([
    canariesOf(root),
    problemsOf(root),
    channelsOf(root, env),
  ])
  const notifications = channels.map(({ name, where }) => ({ name, where }))
  return { canaries, problems, notifications, supervisor: supervisor.stats() }
}

function wakeRequest({ from, topic, runtime, resume, timeoutMs }: Received<'wake', 'body'>): WakeRequest {
  return {
    from: from ?? 'agent',
    ...(topic === undefined ? {} : { topic }),
    ...(runtime === undefined ? {} : { runtime: toRuntime(runtime) }),
    ...(resume === undefined ? {} : { resume }),
    ...(timeoutMs === undefined ? {} : { launch: { timeoutMs } }),
  }
}

const done = ({ entry }: NamedPeer) => ({ ...versioned, peer: entry.personality })

type Actions = {
  readonly [A in Action]: (root: string, peer: NamedPeer, body: Received<A, 'body'>) => Promise<Answer<A>>
}

/** The implementation of each action. TypeScript checks the result of the library against the schema of the answer. */
const ACTIONS: Actions = {
  start: async (root, peer, body) => ({
    ...done(peer),
    action: 'start',
    session: await startNamed(root, peer, body),
  }),
  stop: async (root, peer, body) => ({
    ...done(peer),
    action: 'stop',
    sessions: await stopNamed(root, peer, { ...body, by: 'iapeerd stop' }),
  }),
  new: async (root, peer, body) => ({
    ...done(peer),
    action: 'new',
    session: await renewNamed(root, peer, { ...body, by: 'iapeerd new' }),
  }),
  refresh: async (root, peer, body) => ({
    ...done(peer),
    action: 'refresh',
    outcome: await refreshNamed(root, peer, { ...body, by: 'iapeerd refresh' }),
  }),
  wake: async (root, peer, body) => ({
    ...done(peer),
    action: 'wake',
    outcome: await wakeNamed(root, peer, wakeRequest(body)),
  }),
  reset: async (root, peer) => ({
    ...done(peer),
    action: 'reset',
    outcome: await resetNamed(root, peer),
  }),
}

/** Creates the operations on the fleet of a root on this host. */
export function createLocalFleet(root: string, { events, supervisor, env }: LocalFleetOptions): Fleet {
  return {
    list: () => fleetStatus(root),
    peer: (name) => peerStatus(root, name),
    deaths: (query) => deathViews(root, query),
    death: (id) => deathView(root, id),
    events,
    act: async (action, name, body) => ACTIONS[action](root, await peerNamed(root, name), body),
    canaries: () => canariesOf(root),
    health: () => healthOf(root, { supervisor, env }),
  }
}
