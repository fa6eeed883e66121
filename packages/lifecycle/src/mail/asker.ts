import { isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import type { Message } from '@iapeer/core/mailbox'
import { findMessage } from './mailboxes.ts'

/** Returns the message that this one answers; undefined for any other message, and where it was removed. */
export async function findOriginal(root: string, { re }: Pick<Message, 're'>): Promise<Message | undefined> {
  if (re === undefined) return undefined
  try {
    return (await findMessage(root, re)).message
  } catch (error) {
    if (isIapeerError(error) && error.code === 'no-such-message') return undefined
    throw error
  }
}

/** Returns the identity that sent the message which this one answers. */
export const findAsker = async (root: string, message: Pick<Message, 're'>): Promise<Identity | undefined> =>
  (await findOriginal(root, message))?.from.identity
