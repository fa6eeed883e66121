import type { Mailbox } from '@iapeer/core/mailbox'
import { Ledger } from './ledger.ts'
import { noticeReturned } from './notices.ts'

/** Returns every message that waits in the mailbox of a removed peer. What a session has is settled by the daemon. */
export async function closeMailbox(root: string, box: Mailbox): Promise<void> {
  const ledger = new Ledger(root)
  for (const message of await box.open()) {
    if (message.state !== 'waiting') continue
    const next = await ledger.change(box, message, { state: 'returned', why: 'removed' })
    if (next !== undefined) await noticeReturned({ root, ledger }, next, 'its recipient was removed')
  }
}
