import { fieldsOf, number, text } from '@iapeer/core/json'

/** Why a turn failed, as Codex states it. */
export interface TurnError {
  readonly message: string
  /** Its kind in the form of a rollout: `server_overloaded`. The app-server writes `serverOverloaded`. */
  readonly kind?: string | undefined
  /** The HTTP status, where the kind has one. */
  readonly status?: number | undefined
}

const snakeCase = (word: string): string => word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** The status in the message of an error that has no kind, as Codex writes it. */
const STATUS_IN_MESSAGE = /^unexpected status (\d{3}) /

/**
 * Reads the error of a turn (Codex 0.171), of the app-server and of a rollout: its kind is a word, or an object with one field, whose name
 * is the word.
 * @returns undefined without an error
 */
export function parseTurnError(value: unknown): TurnError | undefined {
  const fields = fieldsOf(value)
  const message = text(fields['message'])
  if (message === undefined) return undefined
  const info = fields['codexErrorInfo'] ?? fields['codex_error_info']
  const [named] = Object.entries(fieldsOf(info))
  const kind = text(info) ?? named?.[0]
  const facts = fieldsOf(named?.[1])
  const inMessage = STATUS_IN_MESSAGE.exec(message)?.[1]
  const status =
    number(facts['httpStatusCode']) ??
    number(facts['http_status_code']) ??
    (inMessage === undefined ? undefined : Number(inMessage))
  return {
    message,
    ...(kind === undefined ? {} : { kind: snakeCase(kind) }),
    ...(status === undefined ? {} : { status }),
  }
}
