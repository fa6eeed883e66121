import { type DefinedCommand, defineCommand } from '../../define-command.ts'
import { JSON_OUTPUT, NO_DAEMON, STOP_TIMEOUT } from '../options.ts'
import { peerHere } from './peer-here.ts'
import { renewPeer } from './renew-peer.ts'

const SHOWN: readonly string[] = ['claude', 'codex']

/** Defines the command named after a runtime: it restarts the peer of the current directory as that runtime, with a new session. */
export const startHere = (runtime: string): DefinedCommand =>
  defineCommand({
    name: runtime,
    summary: `start the peer of this directory as ${runtime}, with a new session`,
    ...(SHOWN.includes(runtime) ? {} : { hidden: true }),
    options: {
      timeout: {
        ...STOP_TIMEOUT,
        help: 'seconds after which a running session that does not exit is killed (default: 3)',
      },
      noDaemon: NO_DAEMON,
      json: JSON_OUTPUT,
    },
    run: async ({ options }) => {
      await renewPeer((await peerHere()).personality, { ...options, runtime })
    },
  })
