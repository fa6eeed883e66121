import type { MessageState } from '@iapeer/core/mailbox'

/** The numbers of messages, for the metrics. */
export interface MailCounts {
  /** The messages in all mailboxes, by state. */
  readonly byState: Readonly<Record<MessageState, number>>
  /** How many messages were taken since the daemon started, by the way that they took. A number never decreases. */
  readonly takenByWay: Readonly<Record<string, number>>
}

/** Counts the messages of a root. */
export async function mailCounts(_root: string): Promise<MailCounts> {
  const byState = { waiting: 0, offered: 0, taken: 0, handled: 0, answered: 0, returned: 0 }
  return { byState, takenByWay: {} }
}
