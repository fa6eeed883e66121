import {
  type Answer,
  type JsonRouteName,
  type JsonRoutes,
  parseAs,
  type Received,
  ROUTES,
  type RouteName,
} from '@iapeer/protocol/routes'
import { BODY_BYTES, readJsonBody } from './body.ts'
import type { ApiContext } from './context.ts'

/** A route of the API with its handler. */
export interface BoundRoute {
  readonly method: 'get' | 'post'
  /** In the syntax of Hono: `/v1/peers/:name`. */
  readonly path: string
  readonly respond: (context: ApiContext) => Promise<Response>
}

/** The routes of the API with their handlers. */
export type BoundRoutes<Names extends RouteName = RouteName> = Readonly<Record<Names, BoundRoute>>

interface Input<N extends JsonRouteName> {
  readonly params: Received<N, 'params'>
  readonly query: Received<N, 'query'>
  readonly body: Received<N, 'body'>
  readonly context: ApiContext
}

/** Binds a route to a handler that creates the whole response. */
export function rawRoute(name: RouteName, respond: BoundRoute['respond']): BoundRoute {
  const { method, path } = ROUTES[name]
  return { method, path, respond }
}

/**
 * Binds a route to a handler. The schemas of the route check the input and give the answer its type.
 * @param bodyBytes the maximum size of the body
 */
export function jsonRoute<N extends JsonRouteName>(
  name: N,
  handle: (input: Input<N>) => Promise<Answer<N>>,
  bodyBytes: number = BODY_BYTES,
): BoundRoute {
  const routes: JsonRoutes = ROUTES
  const { method, params, query, body } = routes[name]
  return rawRoute(name, async (context) =>
    context.json(
      await handle({
        params: parseAs(params, context.req.param(), 'the path'),
        query: parseAs(query, context.req.query(), 'the query'),
        body: parseAs(body, method === 'post' ? await readJsonBody(context, bodyBytes) : {}, 'the body'),
        context,
      }),
    ),
  )
}
