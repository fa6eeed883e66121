import * as z from 'zod/mini'
import { type Action, ENDPOINTS, type RouteName } from './endpoints.ts'
import { ANSWERS, RESULTS } from './schemas/answers.ts'
import { BODIES, PARAMS, QUERIES } from './schemas/inputs.ts'

export { parseAs } from './check.ts'
export { versioned } from './schemas/fields.ts'
export type { Action, RouteName }
export { ANSWERS }

export type AnswerName = keyof typeof ANSWERS

/** One path with one method: the daemon serves it, the client asks it, and the OpenAPI document says it. */
export interface Route {
  readonly method: 'get' | 'post'
  /** With its parameters as `:name`. */
  readonly path: string
  readonly summary: string
  readonly params: z.ZodMiniObject
  readonly query: z.ZodMiniObject
  readonly body: z.ZodMiniObject
  /** By media type: the name of the answer's schema; undefined for a text, which has none. */
  readonly answers: Readonly<Record<string, AnswerName | undefined>>
  /** What the JSON that it answers with is; undefined where it does not answer with JSON of ours. */
  readonly answer: z.ZodMiniType | undefined
}

const nothing = z.strictObject({})
const NOTHING = { params: nothing, query: nothing, body: nothing } as const

/** A route that answers with one of the schemas. */
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
    summary: 'Every peer, and what it is doing.',
    ...json('Fleet'),
  },
  peer: {
    ...ENDPOINTS.peer,
    ...NOTHING,
    summary: 'One peer.',
    params: PARAMS.name,
    ...json('Peer'),
  },
  deaths: {
    ...ENDPOINTS.deaths,
    ...NOTHING,
    summary: 'What died, oldest first.',
    query: QUERIES.deaths,
    ...json('Deaths'),
  },
  death: {
    ...ENDPOINTS.death,
    ...NOTHING,
    summary: 'One death, and why: verdict, confidence and evidence.',
    params: PARAMS.id,
    ...json('Death'),
  },
  start: action('start', 'Bring a peer up; harmless when it is up.'),
  stop: action('stop', 'Take a peer down, in silence; it stays down until it is started.'),
  new: action('new', 'Take a peer down and bring it up afresh.'),
  refresh: action('refresh', 'Bring a peer up afresh as soon as it can be.'),
  wake: action('wake', 'Bring a peer up because something is there for it.'),
  reset: action('reset', 'Forget the crashes of a peer, so that it may be woken again.'),
  events: {
    ...ENDPOINTS.events,
    ...NOTHING,
    summary: 'What happens, as it happens; the id of an event is where one goes on after it.',
    query: QUERIES.events,
    answers: { 'text/event-stream': undefined, 'application/json': 'Events' },
    answer: ANSWERS.Events,
  },
  health: {
    ...ENDPOINTS.health,
    ...NOTHING,
    summary:
      'Whether the daemon does its work; 503 when its supervisor has stalled; `degraded` says that deaths cannot be written down.',
    ...json('Health'),
  },
  version: {
    ...ENDPOINTS.version,
    ...NOTHING,
    summary: 'Which version this is.',
    ...json('Version'),
  },
  metrics: {
    ...ENDPOINTS.metrics,
    ...NOTHING,
    summary: 'Counts and durations, for Prometheus.',
    answers: { 'text/plain': undefined },
    answer: undefined,
  },
  openapi: {
    ...ENDPOINTS.openapi,
    ...NOTHING,
    summary: 'This document.',
    answers: { 'application/json': undefined },
    answer: undefined,
  },
} as const satisfies Readonly<Record<RouteName, Route>>

/** The routes that answer with JSON that has a schema. */
export type JsonRouteName = {
  [N in RouteName]: (typeof ROUTES)[N]['answer'] extends z.ZodMiniType ? N : never
}[RouteName]

/** What went wrong, as each route answers it. */
export type ErrorBody = z.output<typeof ANSWERS.Error>

/** The parts of a request that have schemas. */
type Part = 'params' | 'query' | 'body'

/** The values of one part of a request, as they are sent. */
export type Sent<N extends RouteName, P extends Part> = z.input<(typeof ROUTES)[N][P]>

/** The values of one part of a request, checked, with their defaults. */
export type Received<N extends RouteName, P extends Part> = z.output<(typeof ROUTES)[N][P]>

/** What a route answers with. */
export type Answer<N extends JsonRouteName> = z.output<(typeof ROUTES)[N]['answer']>

/** The routes that answer with JSON, as a table in which each name leads to the types of its own route. */
export type JsonRoutes = {
  readonly [N in JsonRouteName]: Pick<Route, 'method' | 'path'> & {
    readonly [P in Part]: z.ZodMiniType<Received<N, P>>
  } & { readonly answer: z.ZodMiniType<Answer<N>> }
}
