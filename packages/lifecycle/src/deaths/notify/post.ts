import { errnoOf } from '@iapeer/core/errors'
import type { NotifyTarget } from '@iapeer/core/settings'
import { postOf } from './formats.ts'
import type { Notification } from './notification.ts'

/** Time limit of one delivery. */
export const LIMIT_MS = 10_000

/** The result of one delivery. */
export interface Delivered {
  readonly ok: boolean
  /** The answer, or why it failed: one line, without secrets. */
  readonly answer: string
  /** Whether another attempt may succeed. */
  readonly retry?: boolean
}

const ANSWER_MAX = 200

/** Returns the start of an answer as one line, without the parts of the address: a service may repeat a token. */
function readable(body: string, url: URL): string {
  const secrets = [...url.pathname.split('/'), ...url.searchParams.values()].filter((part) => part.length > 5)
  const line = body.replace(/\p{Cc}+/gu, ' ').trim()
  const masked = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), line)
  return masked.length > ANSWER_MAX ? `${masked.slice(0, ANSWER_MAX)}…` : masked
}

const READ_MAX = 4_096

/** Reads the start of a body. */
async function startOf(answer: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  if (answer.body === null) return text
  for await (const piece of answer.body) {
    if (piece instanceof Uint8Array) text += decoder.decode(piece, { stream: true })
    if (text.length > READ_MAX) break
  }
  return text
}

const mayWorkLater = (status: number): boolean => status >= 500 || status === 408 || status === 429

/** Returns why a request failed: a code, or the words of fetch for its cause. The message of fetch itself can contain the URL. */
function reasonOf(error: Error, url: URL): string {
  const code = errnoOf(error.cause) ?? errnoOf(error)
  if (code !== undefined) return code
  const words = error.cause instanceof Error ? readable(error.cause.message, url) : ''
  return words === '' ? error.name : words
}

/** Posts a notification. The result has only the host of the address, as the rest can contain a secret. */
export async function postNotification(
  notification: Notification,
  target: NotifyTarget,
  name: string,
): Promise<Delivered> {
  const { url, body } = postOf(notification, target)
  const service = `${name} at ${target.url.host}`
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LIMIT_MS),
      // A redirect could carry the notification to another host.
      redirect: 'manual',
    })
    const { ok, status } = answer
    const said = readable(await startOf(answer), target.url)
    const text = `${service} answered ${status}${said === '' || ok ? '' : `: ${said}`}`
    return { ok, answer: text, retry: mayWorkLater(status) }
  } catch (error) {
    const why = error instanceof Error ? reasonOf(error, target.url) : 'unknown error'
    const text = why === 'TimeoutError' ? `did not answer within ${LIMIT_MS / 1_000} s` : `failed: ${why}`
    return { ok: false, answer: `${service} ${text}`, retry: true }
  }
}
