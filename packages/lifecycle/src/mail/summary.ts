import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import type { Mailbox, Message, WayName } from '@iapeer/core/mailbox'
import { readProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import type { PeerSession } from '../sessions/index.ts'
import { hasOwnAdapter, mailAdapterOf } from './adapters.ts'
import { existingMailbox, isPaused } from './mailboxes.ts'
import { isHeld } from './receipts.ts'
import { declaredMail } from './settings.ts'
import type { MailTarget, NotReady, Prepared, Way } from './way.ts'

/** The open messages of a mailbox, counted by what they need. Each is counted once. */
export interface MailSummary {
  /** Those that wait, and are not held. */
  readonly waiting: number
  readonly held: number
  /** Those that are with a session, without proof yet. */
  readonly offered: number
  /** Those of which it is not certain whether the session has them. */
  readonly unsure: number
  /** Those that were taken, and whose turn has not ended. */
  readonly taken: number
  /** When the oldest one that is not taken was stored, ISO-8601 UTC. */
  readonly oldestAt?: string | undefined
  /** Whether a person has stopped the delivery. */
  readonly isPaused: boolean
}

type Count = 'waiting' | 'held' | 'offered' | 'unsure' | 'taken'

function countOf(message: Message): Count | undefined {
  const { state, attempt } = message
  if (state === 'waiting') return isHeld(message) ? 'held' : 'waiting'
  if (state === 'offered') return attempt?.unsure === true ? 'unsure' : 'offered'
  return state === 'taken' ? 'taken' : undefined
}

/** Counts the open messages of a mailbox. Changes nothing. */
export async function summarize(box: Mailbox): Promise<MailSummary> {
  const counts: Record<Count, number> = { waiting: 0, held: 0, offered: 0, unsure: 0, taken: 0 }
  let oldestAt: string | undefined
  for (const message of await box.open()) {
    const count = countOf(message)
    if (count === undefined) continue
    counts[count]++
    if (count !== 'taken' && (oldestAt === undefined || message.at < oldestAt)) oldestAt = message.at
  }
  return { ...counts, ...(oldestAt === undefined ? {} : { oldestAt }), isPaused: await isPaused(box) }
}

/** Counts the open messages of a peer; undefined where it has no mailbox. Changes nothing. */
export async function mailSummary(
  root: string,
  entry: Pick<PeerEntry, 'home'>,
): Promise<MailSummary | undefined> {
  const box = await existingMailbox(root, entry)
  return box === undefined ? undefined : summarize(box)
}

/**
 * How messages reach a peer. `way`: by this way, which cannot be used at the moment if `why` is set. `pull`: they wait to be read.
 * `old-session`: its session was started by a version without messages. `unknown`: that is known once it runs.
 */
export type MailRoute =
  | { readonly kind: 'way'; readonly way: WayName; readonly why?: NotReady | undefined }
  | { readonly kind: 'pull' | 'old-session' | 'unknown' }

/** Returns how messages reach a peer now: the first way that its session does not refuse. Offers nothing. */
export async function mailRoute(
  root: string,
  { home, interfaces, runtimes }: Pick<PeerEntry, 'home' | 'interfaces' | 'runtimes'>,
  session: PeerSession | undefined,
): Promise<MailRoute> {
  const profile = await readProfile(home)
  const declared = declaredMail(profile ?? { interfaces }).way
  if (session === undefined || profile === undefined) {
    if (runtimes.some(hasOwnAdapter)) return { kind: 'unknown' }
    return declared === undefined ? { kind: 'pull' } : { kind: 'way', way: declared }
  }
  const runtime = parseIdentity(session.identity)?.runtime ?? ''
  if (session.mail === undefined && (declared !== undefined || hasOwnAdapter(runtime)))
    return { kind: 'old-session' }
  const target = { root, session, profile }
  for (const way of mailAdapterOf(session.identity).ways(target)) {
    const prepared = await prepare(way, target)
    if (prepared.kind === 'usable') return { kind: 'way', way: way.name }
    if (prepared.kind === 'not-now') return { kind: 'way', way: way.name, why: prepared.why }
  }
  return { kind: 'pull' }
}

/** Looks whether a way can be used; a way that cannot be looked at counts as one that the session refuses. */
async function prepare(way: Way, target: MailTarget): Promise<Prepared> {
  try {
    return await way.prepare(target, 'next')
  } catch (error) {
    if (errnoOf(error) === undefined && !isIapeerError(error)) throw error
    return { kind: 'off', why: 'it cannot be looked at' }
  }
}
