import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessId } from '@iapeer/core/process'
import type { VerdictWord } from '@iapeer/forensics'
import type { Expected } from '../expected.ts'
import { type DrillPeer, foreignTmux } from '../peer.ts'
import { isGoneWithin } from '../processes.ts'
import { startPlainServer } from '../servers/plain-server.ts'
import type { Act, Kind } from './kind.ts'

const GONE_MS = 20_000

/** A death of a tmux server. */
export const server = (causes: readonly string[], verdicts: readonly VerdictWord[]): Expected => ({
  records: [1],
  event: 'server-exit',
  causes,
  verdicts,
  runs: 'policy',
})
/** A death of an agent. */
const agent = (...verdicts: readonly VerdictWord[]): Expected => ({
  records: [1],
  event: 'session-exit',
  verdicts,
  runs: 'policy',
})

const LOST = 'recorder-lost'

/** Causes a fault, and waits until the process is gone that it must end. */
export async function confirmed(
  expected: Expected,
  victim: ProcessId,
  cause: () => Promise<unknown>,
): Promise<Act> {
  const atMs = Date.now()
  await cause()
  return { expected, atMs, isConfirmed: await isGoneWithin(victim, GONE_MS) }
}

const signalServer = (name: NodeJS.Signals, title: string, expected: Expected): Kind => ({
  name: `server-${name.toLowerCase()}`,
  title,
  act: ({ site, generation }) =>
    confirmed({ signal: name, ...expected }, generation.server, () =>
      site.processes.signal(generation.server, name),
    ),
})
const signalAgent = (name: NodeJS.Signals, title: string, expected: Expected): Kind => ({
  name: `agent-${name.toLowerCase()}`,
  title,
  act: ({ site, generation }) =>
    confirmed({ signal: name, ...expected }, generation.leader, () =>
      site.processes.signal(generation.leader, name),
    ),
})
const byTmux = (name: string, expected: Expected, args: (peer: DrillPeer) => readonly string[]): Kind => ({
  name,
  title: `tmux ${name} by another program`,
  act: (peer) => confirmed(expected, peer.generation.leader, () => foreignTmux(peer, [name, ...args(peer)])),
})

/** Everything that iapeer claims to explain. */
export const ACCIDENTS: readonly Kind[] = [
  signalServer('SIGKILL', 'kill -9 of the tmux server', server(['killed'], ['killed-by-signal'])),
  signalServer('SIGSEGV', 'SIGSEGV to the tmux server', server(['crashed'], ['crashed'])),
  signalServer(
    'SIGTERM',
    'SIGTERM to the tmux server',
    server(['exited'], ['terminated', 'exited', 'killed-by-signal']),
  ),
  signalAgent('SIGKILL', 'kill -9 of the agent', agent('killed-by-signal')),
  signalAgent('SIGSEGV', 'SIGSEGV to the agent', agent('crashed')),
  signalAgent('SIGTERM', 'SIGTERM to the agent', agent('killed-by-signal')),
  signalAgent('SIGUSR1', 'an exit of the agent with code 3', agent('agent-failed')),
  byTmux('kill-server', server(['killed-by-command'], ['killed-by-command']), () => []),
  byTmux('kill-session', server(['killed-by-command'], ['killed-by-command']), ({ generation }) => [
    '-t',
    generation.session,
  ]),
  byTmux('kill-pane', server(['killed-by-command'], ['killed-by-command']), ({ generation }) => [
    '-t',
    generation.pane,
  ]),
  {
    name: 'server-stopped',
    title: 'a tmux server that is stopped (SIGSTOP), then killed',
    act: async ({ site, generation }, random) => {
      await site.processes.signal(generation.server, 'SIGSTOP')
      await sleep(random.below(1_500))
      return confirmed(server(['killed'], ['killed-by-signal']), generation.server, () =>
        site.processes.signal(generation.server, 'SIGKILL'),
      )
    },
  },
  {
    name: 'recorder-killed',
    title: 'kill -9 of the recorder, and of the server some time later',
    act: async ({ site, generation }, random) => {
      await site.processes.signal(generation.recorder, 'SIGKILL')
      if (!(await isGoneWithin(generation.recorder, GONE_MS))) throw new Error('the recorder did not exit')
      await sleep(random.below(4_000))
      const expected = server([LOST, 'server-vanished'], [LOST, 'killed-by-signal', 'unknown'])
      return confirmed(expected, generation.server, () => site.processes.signal(generation.server, 'SIGKILL'))
    },
  },
  {
    name: 'recorder-and-server',
    title: 'kill -9 of recorder and server together',
    act: ({ site, generation }) =>
      confirmed(
        server([LOST, 'killed', 'server-vanished'], [LOST, 'killed-by-signal', 'unknown']),
        generation.server,
        () =>
          Promise.all([
            site.processes.signal(generation.recorder, 'SIGKILL'),
            site.processes.signal(generation.server, 'SIGKILL'),
          ]),
      ),
  },
  {
    name: 'socket-unlinked',
    title: 'a removed socket, then kill -9 of the server',
    act: async ({ site, generation }, random) => {
      await rm(generation.socketPath)
      await sleep(random.below(500))
      return confirmed(server(['killed'], ['killed-by-signal']), generation.server, () =>
        site.processes.signal(generation.server, 'SIGKILL'),
      )
    },
  },
  {
    name: 'server-replaced',
    title: 'a socket that another server has taken, then kill -9 of the server',
    act: async ({ site, generation }) => {
      await rm(generation.socketPath)
      const other = await startPlainServer({ ...site, socketPath: generation.socketPath })
      const act = await confirmed(server(['killed'], ['killed-by-signal']), generation.server, () =>
        site.processes.signal(generation.server, 'SIGKILL'),
      )
      await site.processes.signal(other, 'SIGKILL')
      await isGoneWithin(other, GONE_MS)
      return act
    },
  },
  {
    name: 'daemon-killed',
    title: 'kill -9 of the daemon and of the agent together',
    act: async ({ site, generation }) => {
      const act = await confirmed(agent('killed-by-signal'), generation.leader, () =>
        Promise.all([site.daemon.kill(), site.processes.signal(generation.leader, 'SIGKILL')]),
      )
      await site.daemon.start()
      return act
    },
  },
]
