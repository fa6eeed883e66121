import { listCanaries } from '@iapeer/canary'
import { toRuntime } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { examineRecordDirectories } from '@iapeer/host'
import { channelsOf, deathView, deathViews, lastDeliveries } from '@iapeer/lifecycle/deaths'
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
import type { EventSource, Fleet, FleetHealth, FleetMail, Supervisor } from './fleet.ts'
import { Launches } from './launches.ts'

export interface LocalFleetOptions {
  readonly events: EventSource
  readonly mail: FleetMail
  /** The source of the statistics in the health. */
  readonly supervisor: Supervisor
  /** The environment of the daemon, which says where notifications go. */
  readonly env: NodeJS.ProcessEnv
  /** Further problems of the daemon. @default none */
  readonly problems?: (() => FleetHealth['problems']) | undefined
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
  { supervisor, env, problems: further }: Omit<LocalFleetOptions, 'events' | 'mail'>,
): Promise<FleetHealth> {
  const [canaries, ofRecords, channels, last] = await Promise.all([
    canariesOf(root),
    problemsOf(root),
    channelsOf(root, env),
    lastDeliveries(root),
  ])
  const problems = [...ofRecords, ...(further?.() ?? [])]
  const notifications = channels.map(({ name, where }) => ({ name, where, ...last.get(name) }))
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

/** What every action uses. */
interface ActionContext {
  readonly root: string
  readonly launches: Launches
}

type Actions = {
  readonly [A in Action]: (
    context: ActionContext,
    peer: NamedPeer,
    body: Received<A, 'body'>,
  ) => Promise<Answer<A>>
}

/** The implementation of each action. TypeScript checks the result of the library against the schema of the answer. */
const ACTIONS: Actions = {
  start: async ({ root, launches }, peer, body) => ({
    ...done(peer),
    action: 'start',
    session: await launches.run(peer, body.runtime, (signal) => startNamed(root, peer, { ...body, signal })),
  }),
  stop: async ({ root, launches }, peer, body) => {
    launches.abort(peer)
    return {
      ...done(peer),
      action: 'stop',
      sessions: await stopNamed(root, peer, { ...body, by: 'iapeerd stop' }),
    }
  },
  new: async ({ root, launches }, peer, body) => ({
    ...done(peer),
    action: 'new',
    session: await launches.run(peer, body.runtime, (signal) =>
      renewNamed(root, peer, { ...body, signal, by: 'iapeerd new' }),
    ),
  }),
  refresh: async ({ root, launches }, peer, body) => ({
    ...done(peer),
    action: 'refresh',
    outcome: await launches.run(peer, undefined, (signal) =>
      refreshNamed(root, peer, { ...body, signal, by: 'iapeerd refresh' }),
    ),
  }),
  wake: async ({ root }, peer, body) => ({
    ...done(peer),
    action: 'wake',
    outcome: await wakeNamed(root, peer, wakeRequest(body)),
  }),
  reset: async ({ root }, peer) => ({
    ...done(peer),
    action: 'reset',
    outcome: await resetNamed(root, peer),
  }),
}

/** Creates the operations on the fleet of a root on this host. */
export function createLocalFleet(root: string, options: LocalFleetOptions): Fleet {
  const { events, mail } = options
  const context = { root, launches: new Launches() }
  return {
    list: () => fleetStatus(root),
    peer: (name) => peerStatus(root, name),
    deaths: (query) => deathViews(root, query),
    death: (id) => deathView(root, id),
    events,
    mail,
    act: async (action, name, body) => ACTIONS[action](context, await peerNamed(root, name), body),
    canaries: () => canariesOf(root),
    health: () => healthOf(root, options),
  }
}
