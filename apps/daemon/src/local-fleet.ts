import { listCanaries } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { toRuntime } from '@iapeer/core/identity'
import { rootRecordPlace } from '@iapeer/core/paths'
import { examineRoom } from '@iapeer/host'
import { deathView, deathViews } from '@iapeer/lifecycle/deaths'
import {
  fleetView,
  type Outcome,
  peerEntryNamed,
  peerView,
  refreshNamed,
  renewNamed,
  resetNamed,
  startNamed,
  stopNamed,
  wakeNamed,
} from '@iapeer/lifecycle/fleet'
import type {
  Action,
  ActionRequest,
  ActionResult,
  EventSource,
  Fleet,
  FleetHealth,
  Supervisor,
} from './fleet.ts'

export interface LocalFleetOptions {
  /** Without it events answer `not-supported`. */
  readonly events?: EventSource | undefined
  /** What is told of its health. */
  readonly supervisor?: Supervisor | undefined
}

function notSupported(what: string): IapeerError {
  return new IapeerError(`this daemon cannot ${what}`, {
    code: 'not-supported',
    hint: 'It was started without the part that does; see /openapi.json for the rest.',
  })
}

const noEvents: EventSource = {
  read: async () => {
    throw notSupported('tell events')
  },
  follow: () => {
    throw notSupported('tell events')
  },
}

async function healthOf(root: string, supervisor: Supervisor | undefined): Promise<FleetHealth> {
  const canaries: Record<string, number> = {}
  for (const { state } of await listCanaries(rootRecordPlace(root)))
    canaries[state] = (canaries[state] ?? 0) + 1
  const problems = (await examineRoom(root))
    .filter(({ level }) => level === 'error')
    .map(({ id, what, where }) => ({ id, what, ...(where === undefined ? {} : { where }) }))
  return { canaries, problems, ...(supervisor === undefined ? {} : { supervisor: supervisor.stats() }) }
}

async function deciding(
  root: string,
  name: string,
  action: 'wake' | 'refresh' | 'reset',
  request: ActionRequest,
): Promise<Outcome> {
  const { timeoutMs, runtime, topic, resume } = request
  if (action === 'reset') return resetNamed(root, name)
  if (action === 'refresh') return refreshNamed(root, name, { by: 'iapeerd refresh', timeoutMs })
  return wakeNamed(root, name, {
    from: request.from ?? 'agent',
    ...(topic === undefined ? {} : { topic }),
    ...(runtime === undefined ? {} : { runtime: toRuntime(runtime) }),
    ...(resume === undefined ? {} : { resume }),
    ...(timeoutMs === undefined ? {} : { launch: { timeoutMs } }),
  })
}

/** The fleet of a root on this host. */
export function createLocalFleet(root: string, options: LocalFleetOptions = {}): Fleet {
  const { events = noEvents, supervisor } = options
  const supervising = async (
    name: string,
    action: 'wake' | 'refresh' | 'reset',
    request: ActionRequest,
  ): Promise<ActionResult> => {
    const { personality } = await peerEntryNamed(root, name)
    return { action, peer: personality, outcome: await deciding(root, name, action, request) }
  }
  const launching = async (
    name: string,
    action: 'start' | 'new',
    request: ActionRequest,
  ): Promise<ActionResult> => {
    const { runtime, timeoutMs } = request
    const { personality: peer } = await peerEntryNamed(root, name)
    const session =
      action === 'start'
        ? await startNamed(root, name, { runtime, timeoutMs })
        : await renewNamed(root, name, { by: 'iapeerd new', timeoutMs, runtime })
    return { action, peer, session }
  }
  const stopping = async (name: string, { timeoutMs, force }: ActionRequest): Promise<ActionResult> => {
    const { personality: peer } = await peerEntryNamed(root, name)
    return {
      action: 'stop',
      peer,
      sessions: await stopNamed(root, name, { by: 'iapeerd stop', timeoutMs, force }),
    }
  }
  const act = (name: string, action: Action, request: ActionRequest): Promise<ActionResult> => {
    if (action === 'start' || action === 'new') return launching(name, action, request)
    return action === 'stop' ? stopping(name, request) : supervising(name, action, request)
  }
  return {
    list: () => fleetView(root),
    peer: (name) => peerView(root, name),
    deaths: (query) => deathViews(root, query),
    death: (id) => deathView(root, id),
    events,
    act,
    health: () => healthOf(root, supervisor),
  }
}
