import { existsSync } from 'node:fs'
import { IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type IdentityParts } from '@iapeer/core/identity'
import { observeProcess } from '@iapeer/core/process'
import { currentConversation, lastConversation } from '../conversations/index.ts'
import type { RuntimeAdapter, SessionLocation, StoredConversation } from '../runtimes/index.ts'
import {
  conversationOfSession,
  listSessions,
  type PeerSession,
  type PinnedConversation,
  readSession,
  readTally,
} from '../sessions/index.ts'
import { isWithin } from './is-within.ts'
import type { LaunchOptions, ResumeRequest } from './options.ts'
import { type Resolution, resolveConversation, UNRESUMABLE_CODES, whyNot } from './resolve-conversation.ts'

/** Which conversation a launch begins or resumes. `id` of a fresh one: it was begun before, and nothing is in it yet. */
export type ConversationPlan =
  | { readonly kind: 'fresh'; readonly id?: string | undefined; readonly why?: string | undefined }
  | { readonly kind: 'resume'; readonly id: string }

/** Where the conversations of an identity are looked for. */
export interface ConversationPlace {
  readonly root: string
  readonly parts: IdentityParts
  readonly adapter: RuntimeAdapter
  readonly location: SessionLocation
}

const isGone = async ({ server, leader }: PeerSession): Promise<boolean> =>
  (await observeProcess(server)) === 'gone' || (await observeProcess(leader)) === 'gone'

/** Returns another running peer that is in a conversation. */
export async function peerIn(root: string, identity: Identity, id: string): Promise<Identity | undefined> {
  for (const session of await listSessions(root))
    if (session.identity !== identity && session.conversation?.id === id && !(await isGone(session)))
      return session.identity
  return undefined
}

/** Returns the conversation that an identity is in, or was in when its last session ended. */
async function pinnedOf(
  root: string,
  identity: Identity,
  { session, isRunning }: { readonly session: PeerSession | undefined; readonly isRunning: boolean },
): Promise<PinnedConversation | undefined> {
  if (session === undefined) return (await readTally(root, identity)).conversation
  const said = await (isRunning ? currentConversation(session) : lastConversation(session))
  return conversationOfSession(session, said)
}

async function holderOf(
  { root, parts }: ConversationPlace,
  {
    id,
    holder,
    own,
  }: { readonly id: string; readonly own: PeerSession | undefined } & Pick<StoredConversation, 'holder'>,
): Promise<string | undefined> {
  const peer = await peerIn(root, formatIdentity(parts), id)
  if (peer !== undefined) return peer
  // A running peer that is restarted holds its own conversation until then.
  if (holder === undefined || (own !== undefined && (await isWithin(own.leader.pid, holder.pid))))
    return undefined
  return `process ${holder.pid}`
}

async function resolve(place: ConversationPlace, pinned: PinnedConversation | undefined, own?: PeerSession) {
  const { adapter, location } = place
  const { id, path = '' } = pinned ?? {}
  const found = id === undefined ? undefined : await adapter.conversations?.find(location, id)
  const holder =
    found === undefined || id === undefined ? undefined : await holderOf(place, { ...found, id, own })
  const isStored = found?.path !== undefined
  return resolveConversation({ pinned, isStored, isElsewhere: existsSync(path), holder })
}

/** Returns whether the conversation of an identity can be resumed: the one that it is in, if it runs. */
export async function resolvePinned(place: ConversationPlace): Promise<Resolution> {
  const { root, parts } = place
  const identity = formatIdentity(parts)
  const session = await readSession(root, identity)
  const isRunning = session !== undefined && !(await isGone(session))
  const pinned = await pinnedOf(root, identity, { session, isRunning })
  return resolve(place, pinned, isRunning ? session : undefined)
}

const CONVERSATION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Resolves a conversation that a person names. @throws IapeerError `conversation-gone` */
async function resolveNamed(place: ConversationPlace, { id: named }: { id: string }): Promise<Resolution> {
  const { adapter, location, parts } = place
  const id = named === 'newest' ? await adapter.conversations?.newest(location) : named
  if (id === undefined)
    throw new IapeerError(`${parts.runtime} has no conversation in ${location.cwd}`, {
      code: 'conversation-gone',
      hint: `Start a new one: iapeer start ${formatIdentity(parts)}`,
    })
  if (!CONVERSATION_ID.test(id))
    throw new IapeerError(`invalid conversation ${JSON.stringify(id)}: expected an id or newest`, {
      code: 'conversation-gone',
      hint: 'An id is a UUID in lower case, as iapeer show and iapeer autopsy print it.',
    })
  // A conversation that a person names must exist.
  return resolve(place, { id, hasTurn: true })
}

/** Returns the error for a conversation that cannot be resumed. */
export function unresumable(
  identity: Identity,
  resolution: Exclude<Resolution, { readonly kind: 'resumable' | 'no-first-turn' }>,
): IapeerError {
  return new IapeerError(`${identity} was not started: ${whyNot(resolution)}`, {
    ...UNRESUMABLE_CODES[resolution.kind],
    hint:
      resolution.kind === 'held'
        ? `Wait until that process has ended, or begin a new conversation: iapeer restart --fresh ${identity}`
        : `Begin a new conversation: iapeer restart --fresh ${identity}. Resume another one: iapeer start ${identity} --conversation ID`,
  })
}

const resolveRequest = (place: ConversationPlace, request: ResumeRequest): Promise<Resolution> =>
  request === 'own' ? resolvePinned(place) : resolveNamed(place, request)

/**
 * Returns which conversation a launch begins or resumes.
 * @throws IapeerError `conversation-gone`, `conversation-held`, `conversation-unknown` if it cannot resume the one that was asked
 *   for, unless it may begin a new one then
 */
export async function planConversation(
  place: ConversationPlace,
  { resume, orFresh }: Pick<LaunchOptions, 'resume' | 'orFresh'>,
): Promise<ConversationPlan> {
  if (resume === undefined || place.adapter.conversations === undefined) return { kind: 'fresh' }
  const resolution = await resolveRequest(place, resume)
  if (resolution.kind === 'resumable') return { kind: 'resume', id: resolution.id }
  if (resolution.kind === 'no-first-turn')
    return { kind: 'fresh', id: resolution.id, why: 'its conversation has no turn yet' }
  if (orFresh === true) return { kind: 'fresh', why: whyNot(resolution) }
  throw unresumable(formatIdentity(place.parts), resolution)
}
