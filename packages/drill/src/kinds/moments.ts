import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@iapeer/core/async'
import { launchPeer, renameNamed, stopPeer } from '@iapeer/lifecycle'
import type { Expected } from '../expected.ts'
import { BY, type DrillPeer, renamed, runningGeneration } from '../peer.ts'
import { isGoneWithin } from '../processes.ts'
import type { Random } from '../random.ts'
import { confirmed, server } from './accidents.ts'
import { stopped } from './deliberate.ts'
import type { Act, Kind } from './kind.ts'

/** Two things are done at a time within this many milliseconds. */
const MOMENT_MS = 40
const GONE_MS = 20_000
const RELAUNCH_MS = 20_000

/** Kills the agent soon. */
const killSoon = ({ site, generation }: DrillPeer, random: Random): Promise<void> =>
  sleep(random.below(MOMENT_MS)).then(() => site.processes.signal(generation.leader, 'SIGKILL'))

/** Either the stop comes first, and nothing is recorded, or the death. */
const either = (runs: Expected['runs']): Expected => ({ records: [0, 1], runs })

/** Starts a peer until a run other than the dead one goes on: the first starts may find it running still. */
async function relaunch({ site, identity, entry, generation }: DrillPeer): Promise<boolean> {
  const next = async (): Promise<true | undefined> => {
    await launchPeer(site.root, entry, { env: site.env })
    const now = await runningGeneration(site, identity)
    return (now !== undefined && now.gen !== generation.gen) || undefined
  }
  return (await waitUntil(next, { limitMs: RELAUNCH_MS, everyMs: 20 })) === true
}

/** A deliberate act and a death in the same moment. */
export const MOMENTS: readonly Kind[] = [
  {
    name: 'stop-and-kill',
    title: 'a stop, and kill -9 of the agent in the same moment',
    act: async (peer, random) => {
      const [act] = await Promise.all([stopped(peer, either('no'), 'stay-stopped'), killSoon(peer, random)])
      return act
    },
  },
  {
    name: 'suspend-and-kill',
    title: 'a suspend, and kill -9 of the agent in the same moment',
    act: async (peer, random) => {
      const [act] = await Promise.all([stopped(peer, either('wakes'), 'suspend'), killSoon(peer, random)])
      return act
    },
  },
  {
    name: 'restart-and-kill',
    title: 'a restart, and kill -9 of the agent in the same moment',
    act: async (peer, random): Promise<Act> => {
      const { site, identity, generation } = peer
      const atMs = Date.now()
      const stop = stopPeer(site.root, identity, { by: BY, afterwards: 'restart' })
      await Promise.all([stop, killSoon(peer, random)])
      const isGone = await isGoneWithin(generation.server, GONE_MS)
      return { expected: either('yes'), atMs, isConfirmed: (await relaunch(peer)) && isGone }
    },
  },
  {
    name: 'rename-and-kill',
    title: 'a rename, and kill -9 of the agent in the same moment',
    act: async (peer, random): Promise<Act> => {
      const { site, name, generation } = peer
      const renamedTo = renamed(name)
      const atMs = Date.now()
      await Promise.all([
        site.changeRegistry(() => renameNamed(site.root, name, renamedTo)),
        killSoon(peer, random),
      ])
      const isConfirmed = await isGoneWithin(generation.leader, GONE_MS)
      return { expected: { records: [1], runs: 'policy' }, atMs, isConfirmed, renamedTo }
    },
  },
  {
    name: 'start-and-kill',
    title: 'kill -9 of the server, and a start in the same moment',
    act: async (peer, random): Promise<Act> => {
      const { site, generation } = peer
      const expected = { ...server(['killed'], ['killed-by-signal']), runs: 'yes' } as const
      const kill = confirmed(expected, generation.server, () =>
        site.processes.signal(generation.server, 'SIGKILL'),
      )
      const again = sleep(random.below(MOMENT_MS)).then(() => relaunch(peer))
      const [act, isStarted] = await Promise.all([kill, again])
      return { ...act, isConfirmed: act.isConfirmed && isStarted }
    },
  },
]
