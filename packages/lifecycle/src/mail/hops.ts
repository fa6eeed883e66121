import { parseIdentity } from '@iapeer/core/identity'
import type { Message, MessageSender } from '@iapeer/core/mailbox'
import { findPeer } from '@iapeer/core/registry'
import { existingMailbox } from './mailboxes.ts'

/** A program without turns has handled a message when it acknowledges it; what it sends this long afterwards counts as caused by it. */
const CAUSE_MS = 60_000
/** How many of the newest closed messages are looked at. */
const NEWEST = 20

const tookIt = ({ taken }: Message, { identity, gen }: MessageSender): boolean =>
  taken !== undefined && taken.identity === identity && (gen === undefined || taken.gen === gen)

const hasIt = ({ attempt }: Message, { identity, gen }: MessageSender): boolean =>
  attempt?.identity === identity && (gen === undefined || attempt?.gen === gen)

/**
 * Returns how many turns that messages began led to a message: one more than the highest of the messages that its sender has taken in
 * the turn that sends it, or of the message that it answers. 0 for a person.
 */
export async function hopsOf(
  root: string,
  sender: MessageSender,
  original: Message | undefined,
): Promise<number> {
  if (sender.kind !== 'peer' || sender.identity === undefined) return 0
  const causes: Message[] = original === undefined ? [] : [original]
  const entry = await findPeer(root, parseIdentity(sender.identity)?.personality ?? '')
  const box = entry === undefined ? undefined : await existingMailbox(root, entry)
  if (box !== undefined) {
    // What is offered may be taken already: the record of an agent comes after its model was asked.
    const isCause = (one: Message): boolean =>
      one.state === 'offered' ? hasIt(one, sender) : one.turn === 'running' && tookIt(one, sender)
    causes.push(...(await box.open()).filter(isCause))
    for (const { id } of (await box.closedFiles()).slice(-NEWEST)) {
      const message = await box.read(id)
      const closedMs = Date.parse(message?.history.at(-1)?.at ?? '')
      if (message !== undefined && tookIt(message, sender) && Date.now() - closedMs < CAUSE_MS)
        causes.push(message)
    }
  }
  return causes.length === 0 ? 0 : 1 + Math.max(...causes.map(({ hops }) => hops))
}
