import { IapeerError, receivedCode } from '@iapeer/core/errors'
import { isIdentity, isPersonality } from '@iapeer/core/identity'
import { daemonSocket } from '@iapeer/core/paths'
import { getPeer } from '@iapeer/core/registry'
import type * as z from 'zod/mini'
import { type Action, ENDPOINTS } from '../endpoints.ts'
import type { Answer, JsonRouteName, JsonRoutes, Sent } from '../routes.ts'
import { Connections } from './connection.ts'
import { fromFormerVersion } from './former-version.ts'
import { type DaemonResponse, exchange } from './request.ts'
import { DaemonUnreachable } from './unreachable.ts'

/** How soon a daemon must take a request, and report its health. */
const TAKEN_MS = 2_000
/** A launch or a stop may wait for another one of the same peer. */
const ACTION_MS = 120_000

/** The health of a daemon. */
export type DaemonHealth = Answer<'health'>

/** The routes that change nothing. */
type ReadRouteName = Exclude<JsonRouteName, Action>

/** The parameters of the path, where it has any, and the query. */
type Input<N extends ReadRouteName> = (typeof ENDPOINTS)[N]['path'] extends `${string}/:${string}`
  ? [input: { readonly params: Sent<N, 'params'>; readonly query?: Sent<N, 'query'> }]
  : [input?: { readonly query?: Sent<N, 'query'> }]

type Body<A extends Action> = Sent<A, 'body'>

/**
 * The daemon of a root. Each method is one request. Errors carry the code and the hint that the library's own would;
 * `daemon-unreachable` is a {@link DaemonUnreachable}.
 */
export interface DaemonClient {
  readonly socketPath: string
  /** Asks the daemon how it is. */
  health(): Promise<DaemonHealth>
  /** Starts a peer, by its name or an identity of it; harmless when it runs. */
  start(name: string, body: Body<'start'>): Promise<Answer<'start'>['session']>
  /** Stops a peer; it stays stopped until it is started. */
  stop(name: string, body: Body<'stop'>): Promise<Answer<'stop'>['sessions']>
  /** Stops a peer and starts it afresh. */
  renew(name: string, body: Body<'new'>): Promise<Answer<'new'>['session']>
  /** Stops what runs of a peer and starts it again, with its session where the runtime can. */
  refresh(name: string, body: Body<'refresh'>): Promise<Answer<'refresh'>['outcome']>
  /** Forgets the crashes of a peer. */
  reset(name: string): Promise<Answer<'reset'>['outcome']>
  /** Returns the answer of a route that changes nothing; of `events` those so far. */
  get<N extends ReadRouteName>(route: N, ...input: Input<N>): Promise<Answer<N>>
  /** Closes a connection that no request has used. A client that is not closed keeps no process alive. */
  close(): void
}

type Values = Readonly<Record<string, unknown>>

interface Asked {
  readonly params: Values
  readonly query: Values
  readonly body?: object
  /** From when the daemon has taken the request to the last byte of the answer. */
  readonly answerMs: number
}

/** @throws IapeerError `no-such-peer`: a text that cannot be a name would make another path */
function assertName(name: string): void {
  if (!isPersonality(name) && !isIdentity(name)) getPeer([], name)
}

/** A path with its parameters put in. @throws IapeerError `no-such-peer`, `invalid-request` */
function pathOf(path: string, { params, query }: Asked): string {
  const filled = path.replace(/:(\w+)/g, (_all, key: string) => {
    const value = String(params[key])
    if (key === 'name') assertName(value)
    // A dot segment is resolved by the server, also one that is encoded.
    if (/^\.{0,2}$/.test(value))
      throw new IapeerError(`invalid ${key} ${JSON.stringify(value)}`, { code: 'invalid-request' })
    return encodeURIComponent(value)
  })
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value))
  return search.size === 0 ? filled : `${filled}?${search}`
}

class Client implements DaemonClient {
  readonly #connections: Connections

  constructor(connections: Connections) {
    this.#connections = connections
  }

  get socketPath(): string {
    return this.#connections.path
  }

  async health(): Promise<DaemonHealth> {
    return this.#ask('health', { params: {}, query: {}, answerMs: TAKEN_MS })
  }

  async start(name: string, body: Body<'start'>): Promise<Answer<'start'>['session']> {
    return (await this.#act('start', name, body)).session
  }

  async stop(name: string, body: Body<'stop'>): Promise<Answer<'stop'>['sessions']> {
    return (await this.#act('stop', name, body)).sessions
  }

  async renew(name: string, body: Body<'new'>): Promise<Answer<'new'>['session']> {
    return (await this.#act('new', name, body)).session
  }

  async refresh(name: string, body: Body<'refresh'>): Promise<Answer<'refresh'>['outcome']> {
    return (await this.#act('refresh', name, body)).outcome
  }

  async reset(name: string): Promise<Answer<'reset'>['outcome']> {
    return (await this.#act('reset', name, {})).outcome
  }

  get<N extends ReadRouteName>(
    route: N,
    { params = {}, query = {} }: { readonly params?: Values; readonly query?: Values } = {},
  ): Promise<Answer<N>> {
    return this.#ask(route, { params, query, answerMs: ACTION_MS })
  }

  close(): void {
    this.#connections.close()
  }

  #act<A extends Action>(
    action: A,
    name: string,
    body: { readonly timeoutMs?: number | undefined },
  ): Promise<Answer<A>> {
    const answerMs = ACTION_MS + (body.timeoutMs ?? 0)
    return this.#ask(action, { params: { name }, query: {}, body, answerMs })
  }

  async #ask<N extends JsonRouteName>(name: N, asked: Asked): Promise<Answer<N>> {
    const { method } = ENDPOINTS[name]
    const path = pathOf(ENDPOINTS[name].path, asked)
    const sent = exchange(await this.#connections.next(), {
      method: method === 'get' ? 'GET' : 'POST',
      path,
      body: asked.body,
      takenMs: TAKEN_MS,
      answerMs: asked.answerMs,
    })
    // Loaded here, while the daemon is at work: the schemas are no part of the start of a command.
    const [response, { ROUTES, ANSWERS }] = await Promise.all([sent, import('../routes.ts')])
    const routes: JsonRoutes = ROUTES
    return answerOf(routes[name].answer, response, ANSWERS.Error)
  }
}

/**
 * Returns an answer as its schema says; fields that it does not know, of a newer daemon, are left out.
 * @throws IapeerError the error that the daemon reports; DaemonUnreachable for any other answer
 */
function answerOf<T>(
  schema: z.ZodMiniType<T>,
  { value, delivered }: DaemonResponse,
  errorSchema: typeof import('../routes.ts')['ANSWERS']['Error'],
): T {
  // Not by the status: a daemon whose supervisor has stalled reports its health with 503.
  const answer = schema.safeParse(fromFormerVersion(value))
  if (answer.success) return answer.data
  const failure = errorSchema.safeParse(value)
  if (!failure.success) throw new DaemonUnreachable('its answer is not one of this version', { delivered })
  const { code, message, hint } = failure.data.error
  throw new IapeerError(message, { code: receivedCode(code), ...(hint === undefined ? {} : { hint }) })
}

/**
 * Connects to the daemon of a root; resolves with undefined, at once, when none runs. Nothing is asked yet: a daemon that hangs is
 * found out by the first request, within two seconds, and never carries that request out.
 * @throws DaemonUnreachable when there is one that cannot be connected to
 */
export async function connectDaemon(root: string): Promise<DaemonClient | undefined> {
  const connections = await Connections.open(await daemonSocket(root), TAKEN_MS)
  return connections === undefined ? undefined : new Client(connections)
}
