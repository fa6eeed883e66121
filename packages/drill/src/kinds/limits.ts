import { setTimeout as sleep } from 'node:timers/promises'
import { generationPaths } from '@iapeer/canary'
import { waitUntil } from '@iapeer/core/async'
import { runProgram } from '@iapeer/core/exec'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcess } from '@iapeer/core/process'
import { noteLeaderCgroup } from '@iapeer/tmux'
import { type Controller, cgroupRefusal, type LimitedCgroup, limitedCgroup } from '../host/cgroup.ts'
import { smallDiskRefusal } from '../host/small-disk.ts'
import type { DrillPeer } from '../peer.ts'
import { isGoneWithin } from '../processes.ts'
import { confirmed, server } from './accidents.ts'
import type { Act, Kind } from './kind.ts'

const MEMORY_BYTES = 40 * 2 ** 20
/** How long a limit holds after the death, at most. */
const HELD_MS = 600
/** How long a limit may take until it is reached. */
const REACHED_MS = 20_000
/** How many descriptors are left to a recorder: those that it has open, and a few more. */
const DESCRIPTORS = { least: 3, more: 10 }

/** Does something in a cgroup with a limit, which is removed afterwards. */
async function within<T>(controller: Controller, act: (cgroup: LimitedCgroup) => Promise<T>): Promise<T> {
  const cgroup = limitedCgroup(controller)
  if (typeof cgroup === 'string') throw new Error(cgroup)
  try {
    return await act(cgroup)
  } finally {
    cgroup.limit('max')
    await cgroup.remove()
  }
}

/** Waits until a limit was reached. @returns when, in milliseconds since the epoch; undefined if it was not */
const reachedAt = (cgroup: LimitedCgroup): Promise<number | undefined> =>
  waitUntil(() => (cgroup.reached() > 0 ? Date.now() : undefined), { limitMs: REACHED_MS, everyMs: 2 })

/** Lets the agent take memory until the kernel kills it. */
const memoryLimit = ({ site, generation }: DrillPeer): Promise<Act> =>
  within('memory', async (cgroup) => {
    const { leader, recordedAs: identity, gen } = generation
    cgroup.add(leader.pid)
    cgroup.limit(MEMORY_BYTES)
    // The daemon notes within a minute that an agent is in another cgroup.
    await noteLeaderCgroup(
      generationPaths({ identity, gen, ...rootRecordLocation(site.root) }).state,
      leader.pid,
    )
    const expected = { records: [1], verdicts: ['cgroup-oom'], runs: 'policy' } as const
    await site.processes.signal(leader, 'SIGUSR2')
    const atMs = await reachedAt(cgroup)
    const isGone = await isGoneWithin(leader, REACHED_MS)
    return { expected, atMs: atMs ?? Date.now(), isConfirmed: isGone && atMs !== undefined }
  })

/** Kills the server while the recorder cannot start a process. */
const processLimit: Kind['act'] = (peer, random) =>
  within('pids', async (cgroup) => {
    cgroup.add(peer.generation.recorder.pid)
    cgroup.limit(1)
    const act = await killServer(peer)
    const isReached = (await reachedAt(cgroup)) !== undefined
    await sleep(random.below(HELD_MS))
    return { ...act, isConfirmed: act.isConfirmed && isReached }
  })

const killServer = ({ site, generation }: DrillPeer): Promise<Act> =>
  confirmed(server(['killed'], ['killed-by-signal']), generation.server, () =>
    site.processes.signal(generation.server, 'SIGKILL'),
  )

/** Changes how many descriptors a process may have open. @returns the limit before */
async function limitDescriptors(pid: number, soft: string): Promise<string> {
  const prlimit = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await runProgram(['prlimit', '--pid', String(pid), ...args], {
      ownGroup: true,
    })
    if (exitCode !== 0) throw new Error(`prlimit failed: ${stderr.trim()}`)
    return stdout.trim()
  }
  const before = await prlimit('--nofile', '--noheadings', '--raw', '--output', 'SOFT')
  await prlimit(`--nofile=${soft}:`)
  return before
}

/** Kills the server while the recorder cannot open a file. */
const descriptorLimit: Kind['act'] = async (peer, random) => {
  const { recorder } = peer.generation
  const most = String(DESCRIPTORS.least + random.below(DESCRIPTORS.more))
  const before = await limitDescriptors(recorder.pid, most)
  const act = await killServer(peer)
  await sleep(random.below(HELD_MS))
  // It exits as soon as it has recorded the death, also between the look and the change.
  if ((await observeProcess(recorder)) === 'alive')
    await limitDescriptors(recorder.pid, before).catch(async (error: unknown) => {
      if ((await observeProcess(recorder)) === 'alive') throw error
    })
  return act
}

async function descriptorRefusal(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'it changes the limit of a running process, which only Linux can'
  const { exitCode } = await runProgram(['prlimit', '--version'])
  return exitCode === 0 ? undefined : 'prlimit is not installed (package util-linux)'
}

/** Does something while the disk of the root is full. */
async function onFullDisk({ site }: DrillPeer, heldMs: number, act: () => Promise<Act>): Promise<Act> {
  if (site.disk === undefined) throw new Error('the root is not on a small disk')
  const free = await site.disk.fill()
  try {
    const done = await act()
    await sleep(heldMs)
    return done
  } finally {
    await free()
  }
}

/** Accidents where memory, processes, descriptors or the disk have come to an end. */
export const LIMITS: readonly Kind[] = [
  {
    name: 'memory-limit',
    title: 'an agent that takes more memory than its cgroup has',
    refusal: () => cgroupRefusal('memory'),
    act: memoryLimit,
  },
  {
    name: 'process-limit',
    title: 'kill -9 of the server while the recorder cannot start a process',
    refusal: () => cgroupRefusal('pids'),
    act: processLimit,
  },
  {
    name: 'descriptor-limit',
    title: 'kill -9 of the server while the recorder cannot open a file',
    refusal: descriptorRefusal,
    act: descriptorLimit,
  },
  {
    name: 'disk-full',
    title: 'kill -9 of the server while the disk is full',
    refusal: smallDiskRefusal,
    isOnSmallDisk: true,
    act: (peer, random) => onFullDisk(peer, random.below(HELD_MS), () => killServer(peer)),
  },
]
