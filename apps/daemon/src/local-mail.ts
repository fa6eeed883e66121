import { isAbsolute } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import type { MessageSender } from '@iapeer/core/mailbox'
import { listPeers } from '@iapeer/core/registry'
import { peerNamed } from '@iapeer/lifecycle/fleet'
import { listInbox, listOutbox, messageView, senderOfBearer, sendMessage } from '@iapeer/lifecycle/mail'
import type { FleetMail, MessageList, OutgoingMessage } from './fleet.ts'

/** Returns the working directory of the peer that sends; undefined for any other sender. */
async function cwdOf(root: string, { identity }: MessageSender): Promise<string | undefined> {
  const name = identity === undefined ? undefined : parseIdentity(identity)?.personality
  return (await listPeers(root)).find(({ personality }) => personality === name)?.cwd
}

/** Returns the directory of the paths of attachments: they never depend on the directory of the daemon. */
async function attachmentCwd(
  root: string,
  sender: MessageSender,
  { cwd, attachments = [] }: OutgoingMessage,
): Promise<string | undefined> {
  const known = cwd ?? (attachments.length === 0 ? undefined : await cwdOf(root, sender))
  const relative = attachments.find((path) => !isAbsolute(path))
  if (relative === undefined || (known !== undefined && isAbsolute(known))) return known
  throw new IapeerError(`the path of an attachment is not absolute: ${relative}`, {
    code: 'attachment-refused',
    hint: 'Use an absolute path, or set cwd to an absolute one.',
  })
}

/** Returns the messages to and from a peer, in the order of their storing. */
async function messagesOf(root: string, name: string, limit: number): Promise<MessageList> {
  const { personality } = (await peerNamed(root, name)).entry
  const lists = await Promise.all(
    [listInbox, listOutbox].map(async (list) => ({
      open: await list(root, personality),
      all: await list(root, personality, { all: true, limit }),
    })),
  )
  const byId = new Map(lists.flatMap(({ open, all }) => [...open, ...all]).map((one) => [one.id, one]))
  return [...byId.values()].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0))
}

/** Creates the operations on the messages of a root on this host. */
export function createLocalMail(root: string): FleetMail {
  const sendAs: FleetMail['sendAs'] = async (sender, message) => {
    const cwd = await attachmentCwd(root, sender, message)
    return sendMessage(root, { ...message, sender, ...(cwd === undefined ? {} : { cwd }) })
  }
  return {
    senderOf: async (bearer) => {
      const sender = await senderOfBearer(root, bearer)
      if (sender !== undefined) return sender
      throw new IapeerError('the bearer is not that of a running session of this root', {
        code: 'bearer-unknown',
      })
    },
    sendAs,
    message: (id) => messageView(root, id),
    messagesOf: (name, limit) => messagesOf(root, name, limit),
  }
}
