import { callerEnvironment } from '@iapeer/core/exec'
import { toRuntime } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, preloadFleet, runPeer } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print } from '../../output.ts'
import { PEER } from '../peers/peer-argument.ts'
import { sessionName } from '../peers/session-name.ts'
import { blockedText } from './blocked-text.ts'

/** Stays in the foreground until the peer exits, dies or is stopped. */
export default defineCommand({
  name: 'run',
  exitCodes: { 4: 'no such peer' },
  summary:
    'run a peer in the foreground for a service manager: exits with 1 when the peer exits or dies, with 0 when it is stopped (SIGTERM, SIGINT, iapeer stop)',
  args: { peer: PEER, runtime: { optional: true, help: "runtime to start (default: the peer's default)" } },
  run: async ({ args: { peer, runtime } }) => {
    const { entry, runtime: named } = await peerNamed(iapeerRoot(), peer)
    const as = runtime === undefined ? named : toRuntime(runtime)
    // It runs for as long as its peer, during which this package can be replaced or removed.
    await preloadFleet()
    const stopping = new AbortController()
    process.removeAllListeners('SIGINT')
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort())
    const result = await runPeer(iapeerRoot(), entry, {
      ...(as === undefined ? {} : { runtime: as }),
      signal: stopping.signal,
      caller: callerEnvironment(process.env),
      onRunning: ({ identity, leader, blocked }) => {
        const name = sessionName(identity, entry.runtimes)
        print(
          blocked === undefined
            ? `${name.shown} is running: pid ${leader.pid}`
            : blockedText(name, { leaderPid: leader.pid, ...blocked }),
        )
      },
      stop: { by: 'iapeer run', why: 'iapeer run was terminated' },
    })
    if (result !== 'died') return print(`${entry.personality} is stopped`)
    process.stderr.write(
      `iapeer: ${entry.personality} has exited, and was not stopped on purpose\n  Find out why: iapeer autopsy ${peer}\n`,
    )
    process.exitCode = EXIT.failed
  },
})
