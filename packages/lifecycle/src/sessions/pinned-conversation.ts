import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { fieldsOf, text } from '@iapeer/core/json'
import type { SessionMail } from './session-mail.ts'

/** The conversation of an identity: the one that its session is in, and that the next session resumes. */
export interface PinnedConversation {
  /** Undefined while only the program knows it: it was started with a new conversation, and has not said which. */
  readonly id?: string | undefined
  /** When the program first said that it is in this conversation, ISO-8601 UTC. Undefined: its command line named it. */
  readonly confirmedAt?: string | undefined
  /** The file in which the program stores it. */
  readonly path?: string | undefined
  /** Whether it has had a turn; undefined where that is unknown. */
  readonly hasTurn?: boolean | undefined
  /** Set where the session was launched to resume it: the first message of the peer is not typed then. */
  readonly resumed?: true | undefined
}

/** The conversation that a program says it is in. */
export interface CurrentConversation {
  readonly id: string
  readonly path?: string | undefined
  /** Undefined where that is unknown. */
  readonly hasTurn: boolean | undefined
}

/** Reads the field `conversation` of a session file or a tally; undefined without one. */
export function parseConversation(value: unknown): PinnedConversation | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, confirmedAt, path, hasTurn, resumed } = fieldsOf(value)
  return {
    id: text(id),
    confirmedAt: text(confirmedAt),
    path: text(path),
    hasTurn: typeof hasTurn === 'boolean' ? hasTurn : undefined,
    ...(resumed === true ? { resumed } : {}),
  }
}

/** Codex makes ids of version 7. */
const OF_CODEX = /^[0-9a-f]{8}-[0-9a-f]{4}-7/

/**
 * Returns the conversation of a session whose file has none: the id that it was launched with. An earlier version wrote an id for
 * Codex that Codex never got, unless it resumed a conversation.
 */
export function conversationOfMail(
  identity: Identity,
  mail: SessionMail | undefined,
): PinnedConversation | undefined {
  const id = mail?.conversation
  const runtime = String(parseIdentity(identity)?.runtime)
  if (id === undefined || !['claude', 'codex'].includes(runtime)) return undefined
  return runtime === 'codex' && !OF_CODEX.test(id) ? {} : { id }
}

/**
 * Returns the pinned conversation once a program has said in which one it is. Another one than before was chosen by a person, in the
 * program. Returns the same object where nothing is new.
 */
export function withCurrent(
  pinned: PinnedConversation | undefined,
  current: CurrentConversation | undefined,
  now: Date,
): PinnedConversation | undefined {
  if (current === undefined) return pinned
  const { id, path, hasTurn } = current
  if (pinned?.id !== id)
    return {
      ...{ id, path, confirmedAt: now.toISOString(), hasTurn },
      ...(pinned?.resumed === true ? { resumed: true } : {}),
    }
  // A conversation that has had a turn keeps that, also without its file.
  const hadTurn = pinned.hasTurn === true || (hasTurn ?? pinned.hasTurn)
  const isNew = hadTurn !== pinned.hasTurn
  const isMoved = path !== undefined && path !== pinned.path
  if (pinned.confirmedAt !== undefined && !isNew && !isMoved) return pinned
  return {
    ...pinned,
    path: path ?? pinned.path,
    confirmedAt: pinned.confirmedAt ?? now.toISOString(),
    hasTurn: hadTurn,
  }
}
