import { createHash, randomBytes } from 'node:crypto'
import { BEARER_PREFIX } from '@iapeer/core/identity'
import { fieldsOf, text } from '@iapeer/core/json'

/** What a session was launched with, so that messages reach it and it can send them. It stays the same for its whole life. */
export interface SessionMail {
  /** The private directory of this session: its settings, sockets and drops. 0700. */
  readonly directory: string
  /** The SHA-256 of its bearer, in hex. */
  readonly bearerHash: string
  /** The id of the conversation that its program was started with, where iapeer chose it. */
  readonly conversation?: string | undefined
}

/** Makes the bearer of a new session: it is in the environment of the session only. */
export const newBearer = (): string => `${BEARER_PREFIX}${randomBytes(24).toString('base64url')}`

/** Returns the SHA-256 of a bearer, in hex. */
export const hashOfBearer = (bearer: string): string => createHash('sha256').update(bearer).digest('hex')

/** Reads the field `mail` of a session file; undefined for a session of an earlier version. */
export function parseSessionMail(value: unknown): SessionMail | undefined {
  const fields = fieldsOf(value)
  const [directory, bearerHash] = [text(fields['directory']), text(fields['bearerHash'])]
  if (directory === undefined || bearerHash === undefined) return undefined
  return { directory, bearerHash, conversation: text(fields['conversation']) }
}
