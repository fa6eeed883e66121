import { type DefinedCommand, defineCommand } from '../../define-command.ts'
import { JSON_OUTPUT, NO_DAEMON, STOP_TIMEOUT } from '../options.ts'
import { peerHere } from './peer-here.ts'
import { renewPeer } from './renew-peer.ts'

const SHOWN: readonly string[] = ['claude', 'codex']

/** The command with the name of a runtime: the peer of the current directory, afresh, as that runtime. */
export const startHere = (runtime: string): DefinedCommand =>
  defineCommand({
    name: runtime,
    summary: `bring the peer of this directory up afresh, as ${runtime}`,
    ...(SHOWN.includes(runtime) ? {} : { hidden: true }),
    options: {
      timeout: {
        ...STOP_TIMEOUT,
        help: 'how long what runs may take to end; then it is killed (default: 3)',
      },
      noDaemon: NO_DAEMON,
      json: JSON_OUTPUT,
    },
    run: async ({ options }) => renewPeer((await peerHere()).personality, { ...options, runtime }),
  })
