import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { httpStatusOf } from '@iapeer/core/errors/catalogue'
import type { ErrorBody } from '@iapeer/protocol/routes'
import type { Context } from 'hono'
import type { Logger } from 'pino'

/** Returns the body of an answer that reports an error. */
export function errorBody({ code, message, hint }: IapeerError): ErrorBody {
  return { error: { code, message, ...(hint === undefined ? {} : { hint }) } }
}

/** Returns the response for an error. An unexpected error is logged, and its message is not sent to the client. */
export function errorResponse(context: Context, error: unknown, log: Logger): Response {
  if (isIapeerError(error)) {
    const status = httpStatusOf(error.code)
    if (status >= 500) log.error({ err: error, path: context.req.path }, error.message)
    return context.json(errorBody(error), status)
  }
  const isDisconnected = errnoOf(error) === 'ECONNRESET'
  log[isDisconnected ? 'debug' : 'error']({ err: error, path: context.req.path }, 'a request failed')
  const internal = new IapeerError('the daemon failed unexpectedly', {
    code: 'internal',
    hint: 'iapeer daemon logs prints the reason.',
  })
  return context.json(errorBody(internal), 500)
}
