import type { Message } from '@iapeer/core/mailbox'
import { listPeers } from '@iapeer/core/registry'
import { listMailboxes, peerOfMailbox } from './mailboxes.ts'
import { isHeld } from './receipts.ts'

/** How long messages may be in these states before that is notified, in milliseconds. */
const UNSURE_MS = 2 * 60_000
const HELD_MS = 10 * 60_000

/** Messages that need a person, as the daemon notifies them: once, until they are settled. */
export interface MailProblem {
  readonly id: string
  readonly what: string
  readonly where: string
}

const ageMs = ({ history, at }: Message, nowMs: number): number =>
  nowMs - Date.parse(history.at(-1)?.at ?? at)

/** Returns the mailboxes with messages that have been held or unsure for too long. Reads only mailboxes with open messages. */
export async function mailProblems(root: string, nowMs = Date.now()): Promise<readonly MailProblem[]> {
  const problems: MailProblem[] = []
  const entries = await listPeers(root)
  for (const mailbox of await listMailboxes(root)) {
    if (!(await mailbox.box.hasOpen())) continue
    const name = (await peerOfMailbox(root, mailbox, entries))?.personality ?? mailbox.id
    const open = await mailbox.box.open()
    const held = open.find((one) => isHeld(one) && ageMs(one, nowMs) > HELD_MS)
    const unsure = open.find(
      ({ attempt, ...one }) => attempt?.unsure === true && ageMs({ ...one, attempt }, nowMs) > UNSURE_MS,
    )
    if (held !== undefined)
      problems.push({
        id: `mail-held-${mailbox.id}`,
        what: `messages to ${name} are held; iapeer mail show says why`,
        where: held.id,
      })
    if (unsure !== undefined)
      problems.push({
        id: `mail-unsure-${mailbox.id}`,
        what: `it is not certain whether ${name} has a message`,
        where: unsure.id,
      })
  }
  return problems
}
