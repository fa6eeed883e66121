import { createHash, timingSafeEqual } from 'node:crypto'
import { IapeerError } from '@iapeer/core/errors'
import { readNumber, readText, SETTINGS } from '@iapeer/core/settings'
import type { MiddlewareHandler } from 'hono'
import type { ApiContext, ApiEnv } from './context.ts'

const SHORTEST_TOKEN = 16
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The settings of the API over TCP. It listens on 127.0.0.1 only. */
export interface TcpSettings {
  /** 0 selects any free port. */
  readonly port: number
  readonly token: string
}

/**
 * Reads `IAPEER_PORT` and `IAPEER_BEARER_TOKEN`; returns undefined if no port is set.
 * @throws IapeerError `bad-setting`
 */
export function tcpSettings(env: NodeJS.ProcessEnv): TcpSettings | undefined {
  const port = readNumber(env, SETTINGS.port)
  if (port === undefined) return undefined
  const token = readText(env, SETTINGS.bearerToken) ?? ''
  if (token.length >= SHORTEST_TOKEN && /^[\x21-\x7e]+$/.test(token)) return { port, token }
  throw new IapeerError('IAPEER_PORT is set, but IAPEER_BEARER_TOKEN is missing or not a valid token', {
    code: 'bad-setting',
    hint: `Set IAPEER_BEARER_TOKEN to ${SHORTEST_TOKEN} or more printable ASCII characters without spaces, for example the output of: openssl rand -hex 32`,
  })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Returns the host name in `name:port` or `[::1]:port`. */
function hostName(authority: string): string {
  return authority.replace(/:\d*$/, '').toLowerCase()
}

function originName(origin: string): string {
  return /^https?:\/\/([^/?#@]+)$/.exec(origin)?.[1] ?? ''
}

/**
 * Rejects requests whose `Host` or `Origin` is not this host: with DNS rebinding a web page can
 * make a browser send requests to a loopback address under the page's own host name.
 */
export function assertLocalRequest(context: ApiContext): void {
  const origin = context.req.header('origin')
  if (!LOOPBACK.has(hostName(context.req.header('host') ?? '')))
    throw new IapeerError('the Host header does not name this host', {
      code: 'host-refused',
      hint: 'Use 127.0.0.1 or localhost.',
    })
  if (origin !== undefined && !LOOPBACK.has(hostName(originName(origin))))
    throw new IapeerError('requests from this origin are refused', { code: 'origin-refused' })
}

/** Returns the token in the header `authorization`; empty if there is none. */
export const bearerOf = (context: ApiContext): string =>
  /^Bearer +(\S+) *$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? ''

/** Rejects requests over TCP without the token, and those of other hosts and web pages. */
export function tcpGuard(token: string): MiddlewareHandler<ApiEnv> {
  const expected = digest(token)
  return async (context, next) => {
    assertLocalRequest(context)
    const given = bearerOf(context)
    if (!timingSafeEqual(digest(given), expected)) {
      context.header('www-authenticate', 'Bearer')
      throw new IapeerError('the token is missing or wrong', {
        code: 'unauthorized',
        hint: 'Send the header authorization: Bearer <IAPEER_BEARER_TOKEN>; the unix socket needs none.',
      })
    }
    await next()
  }
}
