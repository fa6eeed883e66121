import { connect } from 'node:net'

/** A message of another session. */
interface InboxMessage {
  readonly id: string
  readonly text: string
  /** The path of the socket that receives an answer. */
  readonly from: string
}

/** Sends a message to the inbox socket of a Claude Code session, as another session does: one JSON line. */
export function postToInbox(socketPath: string, { id, text, from }: InboxMessage): Promise<void> {
  const address = `uds:${from}`
  const content = `<cross-session-message from="${address}" from-name="ann">\n${text}\n</cross-session-message>`
  const message = { role: 'user', content }
  const frame = { msgV: 1, msg_id: id, type: 'user', message, priority: 'next', from: address }
  return new Promise((resolve, reject) => {
    const client = connect(socketPath, () => client.end(`${JSON.stringify(frame)}\n`))
    client.once('error', reject)
    client.once('close', () => resolve())
    client.setTimeout(500, () => client.destroy())
    client.resume()
  })
}
