import { toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, runPeer } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print } from '../../output.ts'
import { PEER } from '../peers/peer-named.ts'
import { blockedText } from './blocked-text.ts'

/** In the foreground for as long as the peer lives; its end is this one's. */
export default defineCommand({
  name: 'run',
  summary:
    'for a service manager: bring a peer up and stay until it ends (exit code 1), or until TERM or INT takes it down (0)',
  args: { peer: PEER, runtime: { optional: true, help: 'as which runtime (default: its default one)' } },
  run: async ({ args: { peer, runtime } }) => {
    const { entry, runtime: named } = await peerNamed(iapeerRoot(), peer)
    const as = runtime === undefined ? named : toRuntime(runtime)
    const asked = new AbortController()
    process.removeAllListeners('SIGINT')
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => asked.abort())
    const result = await runPeer(iapeerRoot(), entry, {
      ...(as === undefined ? {} : { runtime: as }),
      signal: asked.signal,
      onRunning: ({ identity, leader, blocked }) =>
        print(
          blocked === undefined
            ? `${identity} is up: pid ${leader.pid}`
            : blockedText({ identity, leaderPid: leader.pid, ...blocked }),
        ),
      stop: { by: 'iapeer run', why: 'the service manager ended it' },
    })
    if (result !== 'died') return print(`${entry.personality} is taken down`)
    process.stderr.write(`iapeer: ${entry.personality} has ended by itself\n  iapeer autopsy ${peer}\n`)
    process.exitCode = EXIT.failed
  },
})
