import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { isIdentity, isPersonality } from '@iapeer/core/identity'
import { daemonSocket } from '@iapeer/core/paths'
import { requirePeer } from '@iapeer/core/registry'
import type {
  LaunchView,
  Outcome,
  RenewRequest,
  StartRequest,
  StopRequest,
  StopView,
} from '../fleet/index.ts'
import { bodyOf, type DaemonHealth, healthOf, launchOf, outcomeOf, stopsOf } from './answers.ts'
import { requestDaemon } from './request.ts'

/** How soon a daemon must answer that it is there. */
const HEALTH_MS = 2_000
/** A launch or a stop may wait for another one of the same peer. */
const ACTION_MS = 120_000

/** The daemon of a root. Errors carry the code and the hint that the library's own would. */
export interface DaemonClient {
  readonly socketPath: string
  /** What it said when it was found. */
  readonly health: DaemonHealth
  readonly start: (name: string, request: Omit<StartRequest, 'signal'>) => Promise<LaunchView>
  readonly stop: (name: string, request: Omit<StopRequest, 'by' | 'onLogFailure'>) => Promise<StopView[]>
  /** Brings what runs of it up again. */
  readonly refresh: (name: string, request: { readonly timeoutMs?: number | undefined }) => Promise<Outcome>
  /** Forgets its crashes. */
  readonly reset: (name: string) => Promise<Outcome>
  readonly renew: (name: string, request: RenewRequest) => Promise<LaunchView>
  /** The JSON that a path of its API answers with. */
  readonly get: (path: string) => Promise<Readonly<Record<string, unknown>>>
}

function clientAt(socketPath: string, health: DaemonHealth): DaemonClient {
  const act = async (name: string, action: string, body: { readonly timeoutMs?: number | undefined }) => {
    // Anything else is no peer's name, and would be another path.
    if (!isPersonality(name) && !isIdentity(name)) requirePeer([], name)
    const path = `/v1/peers/${encodeURIComponent(name)}/${action}`
    const limitMs = ACTION_MS + (body.timeoutMs ?? 0)
    return bodyOf(await requestDaemon(socketPath, { method: 'POST', path, body, limitMs }))
  }
  return {
    socketPath,
    health,
    start: async (name, request) => launchOf((await act(name, 'start', request))['session']),
    stop: async (name, request) => stopsOf((await act(name, 'stop', request))['sessions']),
    refresh: async (name, request) => outcomeOf((await act(name, 'refresh', request))['outcome']),
    reset: async (name) => outcomeOf((await act(name, 'reset', {}))['outcome']),
    renew: async (name, request) => launchOf((await act(name, 'new', request))['session']),
    get: async (path) => bodyOf(await requestDaemon(socketPath, { method: 'GET', path, limitMs: ACTION_MS })),
  }
}

/** Whether nobody listens there. */
function nobodyThere(error: unknown): boolean {
  if (!isIapeerError(error) || error.code !== 'daemon-unreachable') return false
  const errno = errnoOf(error.cause)
  return errno === 'ENOENT' || errno === 'ECONNREFUSED' || errno === 'ENOTDIR'
}

/**
 * The daemon of a root; undefined, at once, when none runs.
 * @throws IapeerError `daemon-unreachable` when one is there and does not answer
 */
export async function connectDaemon(root: string): Promise<DaemonClient | undefined> {
  const socketPath = await daemonSocket(root)
  try {
    const answer = await requestDaemon(socketPath, { method: 'GET', path: '/healthz', limitMs: HEALTH_MS })
    // A daemon whose supervisor stalls says 503, and is there all the same.
    return clientAt(socketPath, healthOf(answer.value))
  } catch (error) {
    if (nobodyThere(error)) return undefined
    throw error
  }
}
