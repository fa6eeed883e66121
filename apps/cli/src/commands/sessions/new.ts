import { defineCommand } from '../../define-command.ts'
import { JSON_OUTPUT, NO_DAEMON, STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { renewPeer } from './renew-peer.ts'

/** The name of `restart --fresh` in earlier versions. */
export default defineCommand({
  name: 'new',
  summary: 'restart a peer with a new session; starts it if it is not running',
  hidden: true,
  args: { peer: PEER },
  options: { timeout: STOP_TIMEOUT, noDaemon: NO_DAEMON, json: JSON_OUTPUT },
  run: async ({ args, options }) => {
    await renewPeer(args.peer, options)
  },
})
