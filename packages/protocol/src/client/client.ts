import { IapeerError, receivedCode } from '@iapeer/core/errors'
import { isIdentity, isPersonality } from '@iapeer/core/identity'
import { importLibrary } from '@iapeer/core/libraries'
import { daemonSocket } from '@iapeer/core/paths'
import type * as z from 'zod/mini'
import { type Action, BEARER_HEADER, ENDPOINTS } from '../endpoints.ts'
import type { Answer, JsonRouteName, JsonRoutes, Sent } from '../routes.ts'
import { Connections } from './connection.ts'
import { fromFormerVersion } from './former-version.ts'
import { type DaemonResponse, exchange } from './request.ts'
import { DaemonUnreachable } from './unreachable.ts'

/** The time limit for the daemon to accept a request, and for it to report its health. */
const TAKEN_MS = 2_000
/** A launch or a stop may wait until another command has finished with the same peer. */
const ACTION_MS = 120_000
/** A restart may be queued for a minute; a start says how long. */
const QUEUED_MS = 60_000

const FORMER_DAEMON =
  'the running daemon is of an earlier version and uses its own PATH and locale, not yours; iapeer daemon restart'

/** Adds to the error of a launch that the daemon did not use the environment of the caller. */
function noteFormerDaemon(error: unknown): never {
  if (!(error instanceof IapeerError) || error instanceof DaemonUnreachable) throw error
  const { message, code, hint } = error
  throw new IapeerError(message, {
    code,
    hint: `${hint === undefined ? '' : `${hint}\n  `}${FORMER_DAEMON}`,
    cause: error,
  })
}

/** The health of a daemon. */
export type DaemonHealth = Answer<'health'>

/** The routes that only read. */
type ReadRouteName = Exclude<JsonRouteName, Action | 'sendMessage'>

/** The parameters of the path, if it has any, and the query. */
type Input<N extends ReadRouteName> = (typeof ENDPOINTS)[N]['path'] extends `${string}/:${string}`
  ? [input: { readonly params: Sent<N, 'params'>; readonly query?: Sent<N, 'query'> }]
  : [input?: { readonly query?: Sent<N, 'query'> }]

type Body<A extends Action | 'sendMessage'> = Sent<A, 'body'>

/**
 * A client of the daemon of one root. Each method sends one request. Errors have the same codes and hints as those of the library;
 * `daemon-unreachable` is a {@link DaemonUnreachable}.
 */
export interface DaemonClient {
  readonly socketPath: string
  /** Returns the health of the daemon. */
  health(): Promise<DaemonHealth>
  /** Starts a peer, given by its name or an identity; does nothing if it is running. */
  start(name: string, body: Body<'start'>): Promise<Answer<'start'>['session']>
  /** Stops a peer; it stays stopped until it is started. */
  stop(name: string, body: Body<'stop'>): Promise<Answer<'stop'>['sessions']>
  /** Restarts a peer with a new session. */
  renew(name: string, body: Body<'new'>): Promise<Answer<'new'>['session']>
  /** Restarts a running peer and resumes its conversation, or the one that is named. */
  refresh(name: string, body: Body<'refresh'>): Promise<Answer<'refresh'>['outcome']>
  /** Clears the crash loop of a peer. */
  reset(name: string): Promise<Answer<'reset'>['outcome']>
  /**
   * Sends a message to a peer.
   * @param bearer the bearer of the session that sends it; without one the sender is unknown
   */
  send(body: Body<'sendMessage'>, bearer?: string): Promise<Answer<'sendMessage'>>
  /** Returns the answer of a route that only reads; for `events`, the newest events in the log. */
  get<N extends ReadRouteName>(route: N, ...input: Input<N>): Promise<Answer<N>>
  /** Closes the connection, if no request has used it. A client that is not closed does not keep the process running. */
  close(): void
}

type Values = Readonly<Record<string, unknown>>

interface RequestInput {
  readonly params: Values
  readonly query: Values
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** The time limit from the acceptance of the request to the last byte of the answer. */
  readonly answerMs: number
}

/** Checks that a text can be a peer's name: any other text could address another path. @throws IapeerError `no-such-peer` */
async function assertName(name: string): Promise<void> {
  if (isPersonality(name) || isIdentity(name)) return
  const { getPeer } = await importLibrary(() => import('@iapeer/core/registry'))
  getPeer([], name)
}

/** Returns a path with its parameters filled in. @throws IapeerError `no-such-peer`, `invalid-request` */
async function pathOf(path: string, { params, query }: RequestInput): Promise<string> {
  if ('name' in params) await assertName(String(params['name']))
  const filled = path.replace(/:(\w+)/g, (_all, key: string) => {
    const value = String(params[key])
    // The server resolves dot segments, even encoded ones.
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
    return this.#launch('start', name, body)
  }

  async stop(name: string, body: Body<'stop'>): Promise<Answer<'stop'>['sessions']> {
    return (await this.#act('stop', name, body)).sessions
  }

  async renew(name: string, body: Body<'new'>): Promise<Answer<'new'>['session']> {
    return this.#launch('new', name, body)
  }

  async refresh(name: string, body: Body<'refresh'>): Promise<Answer<'refresh'>['outcome']> {
    return (await this.#act('refresh', name, body)).outcome
  }

  async reset(name: string): Promise<Answer<'reset'>['outcome']> {
    return (await this.#act('reset', name, {})).outcome
  }

  send(body: Body<'sendMessage'>, bearer?: string): Promise<Answer<'sendMessage'>> {
    const headers = bearer === undefined ? {} : { [BEARER_HEADER]: bearer }
    return this.#ask('sendMessage', { params: {}, query: {}, body, headers, answerMs: ACTION_MS })
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

  /**
   * Launches a peer. A daemon of an earlier version has no queue, or also refuses the environment; it is then asked again, without
   * these fields.
   */
  async #launch(
    action: 'start' | 'new',
    name: string,
    body: Body<'start'>,
  ): Promise<Answer<'start'>['session']> {
    try {
      return (await this.#act(action, name, body)).session
    } catch (error) {
      const { environment, queueMs, now, ...former } = body
      const isRefused = error instanceof IapeerError && error.code === 'invalid-request'
      if (isRefused && (queueMs !== undefined || now !== undefined))
        return this.#launch(action, name, { ...former, environment })
      if (!isRefused || environment === undefined) throw error
      const { session } = await this.#act(action, name, former).catch(noteFormerDaemon)
      return { ...session, warnings: [...session.warnings, FORMER_DAEMON] }
    }
  }

  #act<A extends Action>(
    action: A,
    name: string,
    body: { readonly timeoutMs?: number | undefined; readonly queueMs?: number | undefined },
  ): Promise<Answer<A>> {
    const answerMs = ACTION_MS + (body.timeoutMs ?? 0) + (body.queueMs ?? QUEUED_MS)
    return this.#ask(action, { params: { name }, query: {}, body, answerMs })
  }

  async #ask<N extends JsonRouteName>(name: N, input: RequestInput): Promise<Answer<N>> {
    const { method } = ENDPOINTS[name]
    const path = await pathOf(ENDPOINTS[name].path, input)
    const sent = exchange(await this.#connections.next(), {
      method: method === 'get' ? 'GET' : 'POST',
      path,
      body: input.body,
      headers: input.headers,
      takenMs: TAKEN_MS,
      answerMs: input.answerMs,
    })
    // Loaded while the daemon works on the request, so that the schemas do not slow down the start of a command.
    const [response, { ROUTES, ANSWERS }] = await Promise.all([sent, import('../routes.ts')])
    const routes: JsonRoutes = ROUTES
    return answerOf(routes[name].answer, response, ANSWERS.Error)
  }
}

/**
 * Checks an answer against its schema and returns it without the fields that only a newer daemon knows.
 * @throws IapeerError the error that the daemon reports; DaemonUnreachable for any other answer
 */
function answerOf<T>(
  schema: z.ZodMiniType<T>,
  { value, delivered }: DaemonResponse,
  errorSchema: typeof import('../routes.ts')['ANSWERS']['Error'],
): T {
  // The status does not decide: a daemon whose supervisor is stalled reports its health with 503.
  const answer = schema.safeParse(fromFormerVersion(value))
  if (answer.success) return answer.data
  const failure = errorSchema.safeParse(value)
  if (!failure.success)
    throw new DaemonUnreachable('its answer does not match the API of this version', { delivered })
  const { code, message, hint } = failure.data.error
  throw new IapeerError(message, { code: receivedCode(code), ...(hint === undefined ? {} : { hint }) })
}

/**
 * Connects to the daemon of a root; resolves with undefined, immediately, if no daemon is running. It sends no request: the first
 * request detects an unresponsive daemon, within two seconds, and such a daemon never carries that request out.
 * @throws DaemonUnreachable if a daemon exists but does not accept the connection
 */
export async function connectDaemon(root: string): Promise<DaemonClient | undefined> {
  const connections = await Connections.open(await daemonSocket(root), TAKEN_MS)
  return connections === undefined ? undefined : new Client(connections)
}
