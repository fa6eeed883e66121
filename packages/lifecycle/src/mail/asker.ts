import { isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import type { Message } from '@iapeer/core/mailbox'
import { findMessage } from './mailboxes.ts'

/** Returns the identity that sent the message which this one answers; undefined for any other message. */
export async function findAsker(root: string, { re }: Pick<Message, 're'>): Promise<Identity | undefined> {
  if (re === undefined) return undefined
  try {
    return (await findMessage(root, re)).message.from.identity
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-message') return undefined
    throw error
  }
}
