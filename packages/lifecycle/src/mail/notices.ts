import { uptime } from 'node:os'
import { isPersonality } from '@iapeer/core/identity'
import { derivedMessageId, type Mailbox, type Message, type NewMessage } from '@iapeer/core/mailbox'
import { readBoot } from '@iapeer/core/process'
import { findPeer } from '@iapeer/core/registry'
import type { Ledger } from './ledger.ts'
import { mailboxOf } from './mailboxes.ts'
import { senderName } from './names.ts'

const KEEP_MS = 7 * 24 * 60 * 60_000

async function draft(fields: Pick<NewMessage, 'id' | 'kind' | 'to' | 'text' | 'topic'>): Promise<NewMessage> {
  return {
    from: { kind: 'daemon', proof: 'daemon' },
    ...{ attachments: [], priority: 'next', hops: 0 },
    at: new Date().toISOString(),
    boot: await readBoot(),
    uptimeMs: Math.round(uptime() * 1_000),
    expiresMs: KEEP_MS,
    ...fields,
  }
}

/** Stores one short message about another one for its recipient. */
export async function remind(
  ledger: Ledger,
  { box, message, text }: { readonly box: Mailbox; readonly message: Message; readonly text: string },
): Promise<void> {
  const { id, step, to } = message
  const reminder = {
    id: derivedMessageId('reminder', id, step),
    kind: 'message',
    to,
    text,
    topic: `about ${id}`,
  } as const
  const stored = await box.store(await draft(reminder))
  if (stored.state === 'stored' && stored.message !== undefined) await ledger.note(stored.message)
}

/**
 * Stores one notice for the sender of a message about what became of it. The operator, ended workers and unknown senders find that in
 * the outbox. A notice is never answered by a notice, starts no peer, and is stored once, however often it is asked for.
 */
export async function noticeSender(
  root: string,
  ledger: Ledger,
  { message, text }: { readonly message: Message; readonly text: string },
): Promise<void> {
  const { from, kind, id, step } = message
  const to = senderName(from)
  if (kind === 'notice' || from.kind !== 'peer' || !isPersonality(to)) return
  const entry = await findPeer(root, to)
  if (entry === undefined) return
  const notice = await draft({
    id: derivedMessageId('notice', id, step),
    kind: 'notice',
    to,
    text,
    topic: `about ${id}`,
  })
  const stored = await (await mailboxOf(root, entry)).store(notice)
  if (stored.state === 'stored' && stored.message !== undefined) await ledger.note(stored.message)
}

/** Notices the sender of a message that was returned. */
export function noticeReturned(
  { root, ledger }: { readonly root: string; readonly ledger: Ledger },
  message: Message,
  why: string,
): Promise<void> {
  return noticeSender(root, ledger, { message, text: `${message.id} to ${message.to} was returned: ${why}.` })
}
