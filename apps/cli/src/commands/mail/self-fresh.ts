import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { ownSession } from '@iapeer/lifecycle/fleet'
import { identifySender } from '@iapeer/lifecycle/mail'
import { connectDaemon } from '@iapeer/protocol'
import { defineCommand } from '../../define-command.ts'
import { print } from '../../output.ts'

export default defineCommand({
  name: 'self-fresh',
  exitCodes: { 5: 'no daemon is running' },
  summary: 'for an agent, in its own session: start again with a new conversation',
  details: `The daemon stops this session, and this command with it, and starts the peer
with a new conversation. No death is recorded. Its mailbox, home and profile
stay.`,
  run: async () => {
    const root = iapeerRoot()
    const session = await ownSession(root, await identifySender(root, { env: process.env }))
    const client = await connectDaemon(root)
    if (client === undefined)
      throw new IapeerError('no daemon is running, and only the daemon can start this session again', {
        code: 'daemon-unreachable',
        hint: 'Start it: iapeer daemon start',
      })
    print(`${session.identity} starts again with a new conversation`)
    await client.renew(session.identity, {})
  },
})
