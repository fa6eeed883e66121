import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** The environment of a Hono handler: the context has the request and response of Node.js. */
export interface ApiEnv {
  readonly Bindings: HttpBindings
}

export type ApiContext = Context<ApiEnv>
