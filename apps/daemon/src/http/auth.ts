import { createHash, timingSafeEqual } from 'node:crypto'
import { IapeerError } from '@iapeer/core/errors'
import { readNumber, readText, SETTINGS } from '@iapeer/core/settings'
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from './context.ts'

const SHORTEST_TOKEN = 16
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Where the API is reached over TCP, on 127.0.0.1 alone. */
export interface TcpSettings {
  /** 0 takes any free one. */
  readonly port: number
  readonly token: string
}

/**
 * What `IAPEER_PORT` and `IAPEER_BEARER_TOKEN` say; undefined without a port.
 * @throws IapeerError `bad-setting`
 */
export function tcpSettings(env: NodeJS.ProcessEnv): TcpSettings | undefined {
  const port = readNumber(env, SETTINGS.port)
  if (port === undefined) return undefined
  const token = readText(env, SETTINGS.bearerToken) ?? ''
  if (token.length >= SHORTEST_TOKEN && /^[\x21-\x7e]+$/.test(token)) return { port, token }
  throw new IapeerError('IAPEER_PORT is set, and IAPEER_BEARER_TOKEN is no usable token', {
    code: 'bad-setting',
    hint: `Set IAPEER_BEARER_TOKEN to ${SHORTEST_TOKEN} or more printable characters without blanks (openssl rand -hex 32).`,
  })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The name in `name:port`, `[::1]:port` or a URL. */
function hostName(authority: string): string {
  return authority.replace(/:\d*$/, '').toLowerCase()
}

function originName(origin: string): string {
  return /^https?:\/\/([^/?#@]+)$/.exec(origin)?.[1] ?? ''
}

/**
 * Who comes over TCP must know the token, and must mean this host: a page of the web can make a browser send requests
 * to a loopback address under a name of its own (DNS rebinding).
 */
export function tcpGuard(token: string): MiddlewareHandler<ApiEnv> {
  const expected = digest(token)
  return async (context, next) => {
    const origin = context.req.header('origin')
    if (!LOOPBACK.has(hostName(context.req.header('host') ?? '')))
      throw new IapeerError('this host goes by another name', {
        code: 'host-refused',
        hint: 'Use 127.0.0.1 or localhost.',
      })
    if (origin !== undefined && !LOOPBACK.has(hostName(originName(origin))))
      throw new IapeerError('requests from that origin are refused', { code: 'origin-refused' })
    const given = /^Bearer +(\S+) *$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
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
