import type { MuteCause } from '../sessions/index.ts'

/** Why a turn failed. */
export interface MuteReason {
  readonly cause: MuteCause
  readonly detail?: string | undefined
}

/** The words of Claude Code 2.1 (`error` of StopFailure and of the transcript) whose meaning does not depend on the status. */
const CLAUDE_WORDS: Readonly<Record<string, MuteCause>> = {
  rate_limit: 'rate-limit',
  authentication_failed: 'authentication',
  oauth_org_not_allowed: 'authentication',
  billing_error: 'quota',
  model_not_found: 'model',
  overloaded: 'overload',
  invalid_request: 'request',
}

/** The words of Codex 0.171, in the form of its rollouts. */
const CODEX_WORDS: Readonly<Record<string, MuteCause>> = {
  usage_limit_exceeded: 'quota',
  session_budget_exceeded: 'quota',
  server_overloaded: 'overload',
  internal_server_error: 'server',
  unauthorized: 'authentication',
  model_not_found: 'model',
  bad_request: 'request',
  context_window_exceeded: 'request',
  http_connection_failed: 'network',
  response_stream_connection_failed: 'network',
  response_stream_disconnected: 'network',
  response_too_many_failed_attempts: 'network',
}

/** Returns the cause that an HTTP status states; undefined for a status that states none. */
function causeOfStatus(status: number): MuteCause | undefined {
  if (status === 429) return 'rate-limit'
  if (status === 401 || status === 403) return 'authentication'
  if (status === 402) return 'quota'
  if (status === 404) return 'model'
  if (status === 503 || status === 529) return 'overload'
  if (status >= 500) return 'server'
  return status >= 400 ? 'request' : undefined
}

const detailOf = (status: number | undefined, word: string): string =>
  status === undefined ? word : `HTTP ${status}`

/** An error of a turn of Claude Code. */
export interface ClaudeError {
  /** Its own word: `rate_limit`, `server_error`, `unknown`. */
  readonly word: string
  /** The HTTP status that its transcript states. */
  readonly status?: number | undefined
  /** The system error that its transcript states, where the server was not reached: `ECONNREFUSED`. */
  readonly errno?: string | undefined
}

/**
 * Returns why a turn of Claude Code failed.
 * @returns undefined for a turn that was cut off by the length of its answer: the agent can go on
 */
export function claudeMuteReason({ word, status, errno }: ClaudeError): MuteReason | undefined {
  if (word === 'max_output_tokens') return undefined
  if (errno !== undefined) return { cause: 'network', detail: errno }
  const ofStatus = status === undefined ? undefined : causeOfStatus(status)
  // A 500 and a 529 have the same word.
  const ofWord = word === 'server_error' ? (ofStatus ?? 'server') : CLAUDE_WORDS[word]
  return { cause: ofWord ?? ofStatus ?? 'other', detail: detailOf(status, word) }
}

/** An error of a turn of Codex. */
export interface CodexError {
  /** Its kind: a word in the form of a rollout (`server_overloaded`), where stated. */
  readonly kind?: string | undefined
  readonly status?: number | undefined
  readonly message: string
}

/** Returns why a turn of Codex failed. */
export function codexMuteReason({ kind, status, message }: CodexError): MuteReason {
  const ofStatus = status === undefined ? undefined : causeOfStatus(status)
  const ofKind = kind === undefined ? undefined : CODEX_WORDS[kind]
  const cause = ofStatus ?? ofKind ?? 'other'
  const isNamed = kind !== undefined && kind !== 'other'
  return { cause, detail: status === undefined && !isNamed ? message : detailOf(status, kind ?? message) }
}
