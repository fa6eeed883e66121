import type { HistoryStep, Message } from '@iapeer/core/mailbox'
import { isMessageId } from '@iapeer/core/mailbox'
import { readDeliveryLog } from './ledger.ts'
import { messageIfThere } from './mailboxes.ts'

/** A message that was with a session when that session died. */
export interface InFlight {
  /** Its state at the death: `offered` or `taken`. */
  readonly atDeath: HistoryStep
  /** The message as it is now. */
  readonly message: Message
}

/** The generation that died, and when, ISO-8601 UTC. */
interface Death {
  readonly gen: string
  readonly ts: string
}

/** Returns the last step up to a time; steps of one time count in their order. */
const stepAt = (history: readonly HistoryStep[], ts: string): HistoryStep | undefined =>
  history.findLast(({ at }) => Date.parse(at) <= Date.parse(ts))

/**
 * Returns the messages that were offered to a session, or taken by it, when it died, in the order of delivery.log, which names those
 * that ever were with that session.
 */
export async function messagesInFlight(root: string, { gen, ts }: Death): Promise<readonly InFlight[]> {
  const ids = new Set(readDeliveryLog(root).flatMap((line) => (line['gen'] === gen ? [line['id']] : [])))
  const found: InFlight[] = []
  for (const id of [...ids].filter(isMessageId)) {
    const message = (await messageIfThere(root, id))?.message
    const atDeath = message && stepAt(message.history, ts)
    if (message === undefined || atDeath === undefined) continue
    if ((atDeath.state === 'offered' || atDeath.state === 'taken') && atDeath.gen === gen)
      found.push({ atDeath, message })
  }
  return found
}
