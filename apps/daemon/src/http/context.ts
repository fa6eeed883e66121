import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** A request comes with Node's own request and response. */
export interface ApiEnv {
  readonly Bindings: HttpBindings
}

export type ApiContext = Context<ApiEnv>
