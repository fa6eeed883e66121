import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { httpStatusOf } from '@iapeer/core/errors/catalogue'
import type { ErrorBody } from '@iapeer/protocol/routes'
import type { Context } from 'hono'
import type { Logger } from 'pino'

export function errorBody({ code, message, hint }: IapeerError): ErrorBody {
  return { error: { code, message, ...(hint === undefined ? {} : { hint }) } }
}

/** What went wrong, as JSON. What nobody expected is logged, and its words stay here. */
export function errorResponse(context: Context, error: unknown, log: Logger): Response {
  if (isIapeerError(error)) {
    const status = httpStatusOf(error.code)
    if (status >= 500) log.error({ err: error, path: context.req.path }, error.message)
    return context.json(errorBody(error), status)
  }
  // Who asked has left.
  const hasLeft = errnoOf(error) === 'ECONNRESET'
  log[hasLeft ? 'debug' : 'error']({ err: error, path: context.req.path }, 'a request failed')
  const internal = new IapeerError('the daemon could not do this', {
    code: 'internal',
    hint: 'iapeer daemon logs says why.',
  })
  return context.json(errorBody(internal), 500)
}
