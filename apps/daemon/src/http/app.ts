import { IapeerError } from '@iapeer/core/errors'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { tcpGuard } from './auth.ts'
import type { ApiContext, ApiEnv } from './context.ts'
import { errorResponse } from './errors.ts'
import type { BoundRoute } from './route.ts'

export interface AppOptions {
  readonly log: Logger
  /** The bearer token that clients must send. Undefined: no authentication, because the mode of the socket keeps other users out. */
  readonly token?: string | undefined
}

const matches = (path: string, template: string): boolean => {
  const [given, wanted] = [path.split('/'), template.split('/')]
  return (
    given.length === wanted.length &&
    wanted.every((part, at) => (part.startsWith(':') ? given[at] !== '' : part === given[at]))
  )
}

/** Rejects a request with a path, or a method for the path, that no route has. */
function refuse(context: ApiContext, routes: readonly BoundRoute[]): never {
  const methods = routes.filter(({ path }) => matches(context.req.path, path)).map(({ method }) => method)
  if (methods.length === 0)
    throw new IapeerError(`the API has no path ${context.req.path}`, {
      code: 'not-found',
      hint: 'GET /openapi.json lists all paths.',
    })
  const allow = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : ['POST'])).join(', ')
  context.header('allow', allow)
  throw new IapeerError(`${context.req.path} does not support the method ${context.req.method}`, {
    code: 'method-not-allowed',
    hint: `Use ${allow}.`,
  })
}

/** Creates the API for one transport. */
export function createApp(routes: readonly BoundRoute[], { log, token }: AppOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  app.onError((error, context) => errorResponse(context, error, log))
  if (token !== undefined) app.use(tcpGuard(token))
  app.use(async (context, next) => {
    context.set('transport', token === undefined ? 'unix' : 'tcp')
    context.header('x-content-type-options', 'nosniff')
    await next()
  })
  for (const { method, path, respond } of routes) app.on(method.toUpperCase(), path, respond)
  app.notFound((context) => refuse(context, routes))
  return app
}
