import * as z from 'zod/mini'
import { type Action, BEARER_HEADER, ENDPOINTS, type RouteName } from './endpoints.ts'
import { ANSWERS, RESULTS } from './schemas/answers.ts'
import { BODIES, PARAMS, QUERIES } from './schemas/inputs.ts'

export { parseAs } from './check.ts'
export { versioned } from './schemas/fields.ts'
export type { Action, RouteName }
export { ANSWERS, BEARER_HEADER }

export type AnswerName = keyof typeof ANSWERS

/** One path with one method. The daemon, the client and the OpenAPI document are made from it. */
export interface Route {
  readonly method: 'get' | 'post'
  /** Parameters are written `:name`. */
  readonly path: string
  readonly summary: string
  readonly params: z.ZodMiniObject
  readonly query: z.ZodMiniObject
  readonly body: z.ZodMiniObject
  /** The name of the schema of the answer, by media type; undefined where the answer has no schema. */
  readonly answers: Readonly<Record<string, AnswerName | undefined>>
  /** The schema of the JSON answer; undefined where the route has none. */
  readonly answer: z.ZodMiniType | undefined
}

const nothing = z.strictObject({})
const NOTHING = { params: nothing, query: nothing, body: nothing } as const

/** Returns the part of a route that says which schema its JSON answer has. */
const json = <N extends AnswerName>(name: N) =>
  ({ answers: { 'application/json': name }, answer: ANSWERS[name] }) as const

const action = <A extends Action>(name: A, summary: string) =>
  ({
    ...ENDPOINTS[name],
    summary,
    params: PARAMS.name,
    query: nothing,
    body: BODIES[name],
    answers: { 'application/json': 'Result' },
    answer: RESULTS[name],
  }) as const

/** The API of the daemon: every route, in the order of the document. */
export const ROUTES = {
  fleet: {
    ...ENDPOINTS.fleet,
    ...NOTHING,
    summary: 'List all peers and their state.',
    ...json('Fleet'),
  },
  peer: {
    ...ENDPOINTS.peer,
    ...NOTHING,
    summary: 'Get one peer and its state.',
    params: PARAMS.name,
    ...json('Peer'),
  },
  deaths: {
    ...ENDPOINTS.deaths,
    ...NOTHING,
    summary: 'List recorded deaths, oldest first.',
    query: QUERIES.deaths,
    ...json('Deaths'),
  },
  death: {
    ...ENDPOINTS.death,
    ...NOTHING,
    summary: 'Get one death with its verdict, confidence and evidence.',
    params: PARAMS.id,
    ...json('Death'),
  },
  start: action('start', 'Start a peer; does nothing if it is running.'),
  stop: action('stop', 'Stop a peer; it stays stopped until it is started, and no death is recorded.'),
  new: action('new', 'Restart a peer with a new session; starts it if it is not running.'),
  refresh: action(
    'refresh',
    'Restart a running peer and resume the conversation that it is in; an error if that is not possible.',
  ),
  wake: action('wake', 'Start a peer because of a message for it; does nothing if it is running.'),
  reset: action('reset', 'Clear the crash loop of a peer, so that it can be started again.'),
  sendMessage: {
    ...ENDPOINTS.sendMessage,
    ...NOTHING,
    summary:
      'Send a message to a peer. Over the unix socket, the header x-iapeer-bearer proves which session sends it; without it the sender is unknown. Over TCP it is the operator, without proof.',
    body: BODIES.sendMessage,
    ...json('Receipt'),
  },
  message: {
    ...ENDPOINTS.message,
    ...NOTHING,
    summary: 'Get one message with its history.',
    params: PARAMS.messageId,
    ...json('Message'),
  },
  peerMessages: {
    ...ENDPOINTS.peerMessages,
    ...NOTHING,
    summary: 'List the open and the recent messages to and from a peer, in the order of their storing.',
    params: PARAMS.name,
    query: QUERIES.peerMessages,
    ...json('Messages'),
  },
  events: {
    ...ENDPOINTS.events,
    ...NOTHING,
    summary:
      'Follow the event log, or read its newest events as JSON; pass the id of an event to resume after it.',
    query: QUERIES.events,
    answers: { 'text/event-stream': undefined, 'application/json': 'Events' },
    answer: ANSWERS.Events,
  },
  health: {
    ...ENDPOINTS.health,
    ...NOTHING,
    summary:
      'Get the health of the daemon; 503 when its supervisor is stalled, `degraded` when deaths cannot be recorded.',
    ...json('Health'),
  },
  version: {
    ...ENDPOINTS.version,
    ...NOTHING,
    summary: 'Get the versions of the daemon and of Node.js.',
    ...json('Version'),
  },
  metrics: {
    ...ENDPOINTS.metrics,
    ...NOTHING,
    summary: 'Get the metrics in the text format of Prometheus.',
    answers: { 'text/plain': undefined },
    answer: undefined,
  },
  openapi: {
    ...ENDPOINTS.openapi,
    ...NOTHING,
    summary: 'Get this OpenAPI document.',
    answers: { 'application/json': undefined },
    answer: undefined,
  },
} as const satisfies Readonly<Record<RouteName, Route>>

/** The routes that answer with JSON that has a schema. */
export type JsonRouteName = {
  [N in RouteName]: (typeof ROUTES)[N]['answer'] extends z.ZodMiniType ? N : never
}[RouteName]

/** The body of an answer that reports an error. */
export type ErrorBody = z.output<typeof ANSWERS.Error>

/** The parts of a request that have schemas. */
type Part = 'params' | 'query' | 'body'

/** The values of one part of a request, as they are sent. */
export type Sent<N extends RouteName, P extends Part> = z.input<(typeof ROUTES)[N][P]>

/** The values of one part of a request, checked, with their defaults. */
export type Received<N extends RouteName, P extends Part> = z.output<(typeof ROUTES)[N][P]>

/** The JSON that a route answers with. */
export type Answer<N extends JsonRouteName> = z.output<(typeof ROUTES)[N]['answer']>

/** A table of the routes that answer with JSON; each name maps to the types of its own route. */
export type JsonRoutes = {
  readonly [N in JsonRouteName]: Pick<Route, 'method' | 'path'> & {
    readonly [P in Part]: z.ZodMiniType<Received<N, P>>
  } & { readonly answer: z.ZodMiniType<Answer<N>> }
}
