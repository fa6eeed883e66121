import { IapeerError } from '@iapeer/core/errors'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { tcpGuard } from './auth.ts'
import type { ApiContext, ApiEnv } from './context.ts'
import { errorResponse } from './errors.ts'
import type { BoundRoute } from './route.ts'

export interface AppOptions {
  readonly log: Logger
  /** Who comes must know it; without one everybody is let in who reached the socket. */
  readonly token?: string | undefined
}

const matches = (path: string, template: string): boolean => {
  const [given, wanted] = [path.split('/'), template.split('/')]
  return (
    given.length === wanted.length &&
    wanted.every((part, at) => (part.startsWith(':') ? given[at] !== '' : part === given[at]))
  )
}

/** The path is there and the method is not, or the path is not there. */
function refuse(context: ApiContext, routes: readonly BoundRoute[]): never {
  const methods = routes.filter(({ path }) => matches(context.req.path, path)).map(({ method }) => method)
  if (methods.length === 0)
    throw new IapeerError(`there is nothing at ${context.req.path}`, {
      code: 'not-found',
      hint: '/openapi.json says what there is.',
    })
  const allow = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : ['POST'])).join(', ')
  context.header('allow', allow)
  throw new IapeerError(`${context.req.method} is not for ${context.req.path}`, {
    code: 'method-not-allowed',
    hint: `Use ${allow}.`,
  })
}

/** The API, for one transport. */
export function createApp(routes: readonly BoundRoute[], { log, token }: AppOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  app.onError((error, context) => errorResponse(context, error, log))
  if (token !== undefined) app.use(tcpGuard(token))
  app.use(async (context, next) => {
    context.header('x-content-type-options', 'nosniff')
    await next()
  })
  for (const { method, path, respond } of routes) app.on(method.toUpperCase(), path, respond)
  app.notFound((context) => refuse(context, routes))
  return app
}
