import { uptime } from 'node:os'
import { isPersonality } from '@iapeer/core/identity'
import { derivedMessageId, type Message, type NewMessage } from '@iapeer/core/mailbox'
import { readBoot } from '@iapeer/core/process'
import { findPeer } from '@iapeer/core/registry'
import type { Ledger } from './ledger.ts'
import { mailboxOf } from './mailboxes.ts'
import { senderName } from './names.ts'

const KEEP_MS = 7 * 24 * 60 * 60_000

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
  const notice: NewMessage = {
    id: derivedMessageId('notice', id, step),
    kind: 'notice',
    from: { kind: 'daemon', proof: 'daemon' },
    ...{ to, text, topic: `about ${id}`, attachments: [], priority: 'next', hops: 0 },
    at: new Date().toISOString(),
    boot: await readBoot(),
    uptimeMs: Math.round(uptime() * 1_000),
    expiresMs: KEEP_MS,
  }
  const stored = await (await mailboxOf(root, entry)).store(notice)
  if (stored.state === 'stored' && stored.message !== undefined) await ledger.note(stored.message)
}
