import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'
import { namesIn } from '@iapeer/core/storage'
import type { PeerStatusView } from '@iapeer/lifecycle/fleet/status'
import type { MailSummary } from '@iapeer/lifecycle/mail'
import type { TokensView } from '@iapeer/lifecycle/tokens'

/** A peer with its open messages; `mail` is absent where it has none and is not on hold. */
export type ListedPeer = PeerStatusView & {
  readonly mail?: MailSummary | undefined
  /** With `list --cost`. */
  readonly tokens?: TokensView | undefined
}

/** Returns whether a mailbox has an open message or is on hold, by the names of its files alone. */
async function hasMail(directory: string): Promise<boolean> {
  const options = { ignoreMissingDirectory: true }
  const [names, open] = await Promise.all([
    namesIn(directory, options),
    namesIn(join(directory, 'open'), options),
  ])
  return open.some((name) => name.endsWith('.json')) || names.includes('paused')
}

/**
 * Adds the open messages of each peer. A root without open messages costs the names in its mailboxes: the code of messages is large,
 * and is loaded only if there are some.
 */
export async function withMail(root: string, peers: readonly PeerStatusView[]): Promise<ListedPeer[]> {
  const { mailDir } = rootLayout(root)
  const names = (await namesIn(mailDir)).filter((name) => name !== 'operator')
  const having = await Promise.all(names.map((name) => hasMail(join(mailDir, name))))
  if (!having.includes(true)) return [...peers]
  const { mailSummary } = await import('@iapeer/lifecycle/mail')
  return Promise.all(
    peers.map(async (peer) => {
      const mail = await mailSummary(root, peer)
      return mail === undefined || !isShown(mail) ? peer : { ...peer, mail }
    }),
  )
}

const isShown = ({ waiting, held, offered, unsure, taken, isPaused }: MailSummary): boolean =>
  waiting + held + offered + unsure + taken > 0 || isPaused

/** Returns open messages as words: `2 waiting, 1 held`; those that were taken only if `withTaken`. Empty if there are none. */
export function mailText(mail: MailSummary, { withTaken = false } = {}): string {
  const counts = [
    ...(['waiting', 'held', 'offered', 'unsure'] as const),
    ...(withTaken ? (['taken'] as const) : []),
  ].flatMap((word) => (mail[word] === 0 ? [] : [`${mail[word]} ${word}`]))
  return [...(mail.isPaused ? ['on hold'] : []), ...counts].join(', ')
}
