import type { Mailbox } from '@iapeer/core/mailbox'
import { iapeerRoot } from '@iapeer/core/paths'
import { mailboxOf, operatorMailbox } from '@iapeer/lifecycle/mail'
import { peerEntry } from '../peers/peer-entry.ts'

/** Returns the mailbox of a peer or of the operator. @throws IapeerError `no-such-peer`, `no-mailbox` */
export async function mailboxNamed(name: string): Promise<Mailbox> {
  return name === 'operator' ? operatorMailbox(iapeerRoot()) : mailboxOf(iapeerRoot(), await peerEntry(name))
}
