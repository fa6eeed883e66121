import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { ErrorBody } from '@iapeer/protocol/routes'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from 'pino'

/** The status of an error is decided by its code. */
const STATUS: ReadonlyMap<string, ContentfulStatusCode> = new Map<string, ContentfulStatusCode>([
  ['bad-request', 400],
  ['invalid-request', 400],
  ['invalid-runtime', 400],
  ['invalid-identity', 400],
  ['invalid-personality', 400],
  ['bad-cursor', 400],
  ['unauthorized', 401],
  ['host-refused', 403],
  ['origin-refused', 403],
  ['not-found', 404],
  ['no-such-peer', 404],
  ['no-such-death', 404],
  ['method-not-allowed', 405],
  ['request-timeout', 408],
  ['lock-held', 409],
  ['not-running', 409],
  ['wake-refused', 409],
  ['crash-loop', 409],
  ['held', 409],
  ['socket-taken', 409],
  ['body-too-large', 413],
  ['unsupported-media-type', 415],
  ['command-missing', 422],
  ['command-not-found', 422],
  ['cwd-missing', 422],
  ['invalid-launch-env', 422],
  ['no-profile', 422],
  ['program-ended', 422],
  ['wrong-intelligence', 422],
  ['runtime-undeclared', 422],
  ['runtime-unknown', 422],
  ['headers-too-large', 431],
  ['not-supported', 501],
  ['too-many-clients', 503],
  ['disk-full', 507],
])

export function errorBody({ code, message, hint }: IapeerError): ErrorBody {
  return { error: { code, message, ...(hint === undefined ? {} : { hint }) } }
}

export const statusOf = (code: string): ContentfulStatusCode => STATUS.get(code) ?? 500

/** What went wrong, as JSON. What nobody expected is logged, and its words stay here. */
export function errorResponse(context: Context, error: unknown, log: Logger): Response {
  if (isIapeerError(error)) {
    const status = statusOf(error.code)
    if (status >= 500 && status !== 501) log.error({ err: error, path: context.req.path }, error.message)
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
