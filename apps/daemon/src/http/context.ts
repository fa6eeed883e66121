import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** The environment of a Hono handler: the context has the request and response of Node.js, and how the client is connected. */
export interface ApiEnv {
  readonly Bindings: HttpBindings
  readonly Variables: { readonly transport: 'unix' | 'tcp' }
}

export type ApiContext = Context<ApiEnv>
