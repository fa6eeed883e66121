import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { identifyProcess } from '@iapeer/core/process'
import { removePeer, updatePeer } from '@iapeer/core/registry'
import { withLock } from '@iapeer/core/storage'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  FleetSupervisor,
  fleetStatus,
  launchPeer,
  listSessions,
  peerStatus,
  readEvents,
  startNamed,
  stopPeer,
} from '../src/index.ts'
import { writeMassDeath } from '../src/launch/index.ts'
import {
  formatLaunchEntry,
  type LaunchEntry,
  lockIdentity,
  setMark,
  writeSession,
} from '../src/sessions/index.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const GIB = 1_024 ** 3
const SLEEP = ['sleep', '1000']
const ENV = { ...process.env, IAPEER_LAUNCH_RESERVE: '1GiB' }

/** Starts a process that a test kills. */
async function killable(): Promise<ChildProcess> {
  const child = spawn('sleep', ['1000'])
  track(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  return child
}

/** Writes the file of a launch that another process has begun. */
async function beginElsewhere({ root }: TestRoot, pid = 0, change: Partial<LaunchEntry> = {}): Promise<void> {
  const owner = await identifyProcess(pid)
  if (owner === undefined) throw new Error(`${pid} does not run`)
  const identity = toIdentity('claude-elsewhere')
  const now = Date.now()
  const entry: LaunchEntry = {
    identity,
    name: `${identity}.${pid}.json`,
    state: 'starting',
    by: 'daemon',
    owner,
    sinceMs: now,
    writtenMs: now,
    promisedBytes: 0,
    ...change,
  }
  const directory = join(root, 'state', 'launch')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, entry.name), formatLaunchEntry(entry))
}

describe('the queue of launches', () => {
  it('is left by a launcher that is killed, and its place is free', async () => {
    const test = newRoot()
    const env = { ...ENV, IAPEER_LAUNCH_PARALLEL: '1' }
    const other = await killable()
    await beginElsewhere(test, other.pid)
    const launch = launchPeer(test.root, await test.peer(SLEEP), { env })
    const waiting = async (): Promise<boolean> => (await peerStatus(test.root, 'bob')).shown.word === 'queued'
    await until('the launch to be queued', waiting)
    other.kill('SIGKILL')
    expect((await launch).state).toBe('launched')
    expect(readdirSync(join(test.root, 'state', 'launch')).filter((name) => name.endsWith('.json'))).toEqual(
      [],
    )
  })

  it('fails at its limit with what is missing, unless a person does not want to wait', async () => {
    const test = newRoot()
    await test.peer(SLEEP)
    const memory = async () => ({ totalBytes: 8 * GIB, availableBytes: 0.5 * GIB })
    const entry = await test.peer(SLEEP, 'ann')
    await expect(
      launchPeer(test.root, entry, { env: ENV, queue: { limitMs: 300, memory } }),
    ).rejects.toMatchObject({
      code: 'launch-queued',
      message: expect.stringContaining('512 MiB available, 1.0 GiB needed'),
    })
    const [event] = (await readEvents(test.root)).events.filter(({ action }) => action === 'queued')
    expect(event).toMatchObject({ identity: 'command-ann', why: '512 MiB available, 1.0 GiB needed' })
    expect((await peerStatus(test.root, 'ann')).shown.word).toBe('new')
    const { state } = await launchPeer(test.root, entry, { env: ENV, queue: { now: true, memory } })
    expect(state).toBe('launched')
  })

  it('of a start that waits for the lock is over when the peer is stopped before', async () => {
    const test = newRoot()
    const entry = await test.peer(SLEEP)
    const identity = toIdentity('command-bob')
    const lock = await lockIdentity(test.root, identity, 1_000)
    const launch = launchPeer(test.root, entry, { env: ENV })
    const refused = expect(launch).rejects.toMatchObject({ code: 'not-due' })
    // Long enough for the start to be at the lock.
    await new Promise((resolve) => setTimeout(resolve, 300))
    // As a stop does while it has the lock.
    await setMark(test.root, identity, 'stopped')
    lock.release()
    await refused
    expect((await peerStatus(test.root, 'bob')).shown.word).toBe('stopped')
  })

  it('is left when the peer is stopped, and by the next start it is entered again', async () => {
    const test = newRoot()
    const entry = await test.peer(SLEEP)
    const identity = toIdentity('command-bob')
    let availableBytes = 0
    const memory = async () => ({ totalBytes: 8 * GIB, availableBytes })
    const launch = launchPeer(test.root, entry, { env: ENV, queue: { memory } })
    const refused = expect(launch).rejects.toMatchObject({
      code: 'not-due',
      message: 'command-bob was stopped while its start waited',
    })
    const shown = async (): Promise<string> => (await peerStatus(test.root, 'bob')).shown.word
    await until('the launch to be queued', async () => (await shown()) === 'queued')
    await stopPeer(test.root, identity, { by: 'test' })
    await refused
    expect(await shown()).toBe('stopped')
    availableBytes = 8 * GIB
    expect((await launchPeer(test.root, entry, { env: ENV, queue: { memory } })).state).toBe('launched')
  })

  it('is left when the peer is removed', async () => {
    const test = newRoot()
    const entry = await test.peer(SLEEP)
    const memory = async () => ({ totalBytes: 8 * GIB, availableBytes: 0 })
    const launch = launchPeer(test.root, entry, { env: ENV, queue: { memory } })
    const refused = expect(launch).rejects.toMatchObject({ code: 'no-such-peer' })
    const isQueued = async () => (await peerStatus(test.root, 'bob')).shown.word === 'queued'
    await until('the launch to be queued', isQueued)
    await removePeer(test.root, 'bob', new Date())
    await refused
  })

  it.runIf(isFullCampaign())(
    'is not used for a start that cannot get its lock',
    async () => {
      const test = newRoot()
      const entry = await test.peer(SLEEP)
      const over = new AbortController()
      const lock = join(test.root, 'state', 'launch', 'lock')
      mkdirSync(join(test.root, 'state', 'launch'), { recursive: true })
      const held = withLock(lock, () => once(over.signal, 'abort'))
      expect((await launchPeer(test.root, entry, { env: ENV })).state).toBe('launched')
      over.abort()
      await held
    },
    40_000,
  )

  it('with a wrong setting starts nothing', async () => {
    const test = newRoot()
    const launch = launchPeer(test.root, await test.peer(SLEEP), {
      env: { ...ENV, IAPEER_LAUNCH_PARALLEL: 'few' },
    })
    await expect(launch).rejects.toMatchObject({ code: 'bad-setting' })
  })

  it('does not count a launch that waits for a person at a dialog', async () => {
    const test = newRoot()
    const env = { ...ENV, IAPEER_LAUNCH_PARALLEL: '1' }
    const { session } = await launchPeer(test.root, await test.peer(SLEEP, 'ann'), { env })
    const other = await killable()
    const { identity } = session
    await beginElsewhere(test, other.pid, { identity, name: `${identity}.1.json` })
    const queue = { limitMs: 0 } as const
    const bob = await test.peer(SLEEP)
    await expect(launchPeer(test.root, bob, { env, queue })).rejects.toMatchObject({ code: 'launch-queued' })
    const blocked = { since: new Date().toISOString(), screen: 'Continue?' }
    await writeSession(test.root, { ...session, readyAt: undefined, blocked })
    expect((await launchPeer(test.root, bob, { env, queue })).state).toBe('launched')
    await writeSession(test.root, session)
  })

  it('of a start that is interrupted is left at once', async () => {
    const test = newRoot()
    const interrupt = new AbortController()
    const entry = await test.peer(SLEEP)
    const memory = async () => {
      setTimeout(() => interrupt.abort(), 10)
      return { totalBytes: 8 * GIB, availableBytes: 0 }
    }
    const launch = launchPeer(test.root, entry, { env: ENV, signal: interrupt.signal, queue: { memory } })
    await expect(launch).rejects.toMatchObject({ code: 'interrupted' })
    expect(readdirSync(join(test.root, 'state', 'launch')).filter((name) => name.endsWith('.json'))).toEqual(
      [],
    )
  })
})

describe('restarts', () => {
  it.runIf(isFullCampaign())(
    'of peers that died together go one by one as memory allows, and a death has its last minutes',
    async () => {
      const test = newRoot()
      const names = ['ann', 'bob', 'carl']
      let availableBytes = 8 * GIB
      for (const name of names) {
        await launchPeer(test.root, await test.peer(SLEEP, name), { env: ENV })
        await updatePeer(test.root, name, { restart: 'always' })
      }
      const errors: unknown[] = []
      const supervisor = new FleetSupervisor(test.root, {
        env: ENV,
        random: () => 0,
        memory: async () => ({ totalBytes: 8 * GIB, availableBytes }),
        onError: (what, error) => errors.push([what, error]),
      })
      await supervisor.start()
      track(() => supervisor.stop())
      const views = () => fleetStatus(test.root)
      await until(
        'samples of all',
        async () => (await views()).every(({ usage }) => usage !== undefined),
        20_000,
      )
      expect(supervisor.peerUsage().map(({ tasks }) => tasks)).toEqual([1, 1, 1])
      availableBytes = 0.8 * GIB
      for (const { leader } of await listSessions(test.root)) process.kill(leader.pid, 'SIGKILL')
      const words = async () => (await views()).map(({ shown }) => shown.word)
      await until(
        'all to be queued for memory',
        async () =>
          (await views()).every(({ queued }) => queued?.why === '819 MiB available, 1.0 GiB needed'),
        30_000,
      )
      // A person starts one of them at once.
      await startNamed(test.root, 'carl', { now: true })
      expect((await words()).filter((word) => word === 'queued')).toHaveLength(2)
      // Each peer that starts takes the memory that the next one would need.
      let restarted = 0
      const launches = async () =>
        (await readEvents(test.root)).events.filter(({ action }) => action === 'restart').length
      while (restarted < 2) {
        availableBytes = 1.2 * GIB
        await until('one to be restarted', async () => (await launches()) > restarted, 20_000)
        availableBytes = 0.8 * GIB
        restarted = await launches()
      }
      expect(await words()).toEqual(['running', 'running', 'running'])
      expect(
        readdirSync(join(test.root, 'logs', 'iapeer', 'server-deaths')).filter((name) =>
          name.endsWith('.usage'),
        ),
      ).toHaveLength(3)
      expect(errors).toEqual([])
    },
    120_000,
  )

  it.runIf(isFullCampaign())(
    'are held for a person after a second mass death',
    async () => {
      const test = newRoot()
      const entry = await test.peer(SLEEP)
      await launchPeer(test.root, entry, { env: ENV })
      await updatePeer(test.root, 'bob', { restart: 'always' })
      await writeMassDeath(test.root, { kind: 'repeated', atMs: Date.now(), deaths: 30 })
      const supervisor = new FleetSupervisor(test.root, { env: ENV, random: () => 0 })
      await supervisor.start()
      track(() => supervisor.stop())
      for (const { leader } of await listSessions(test.root)) process.kill(leader.pid, 'SIGKILL')
      await until(
        'the restart to be held',
        async () => (await peerStatus(test.root, 'bob')).queued?.why.includes('iapeer start --all') === true,
        20_000,
      )
      expect((await launchPeer(test.root, entry, { env: ENV })).state).toBe('launched')
      await stopPeer(test.root, toIdentity('command-bob'), { by: 'the test', graceMs: 500 })
    },
    60_000,
  )
})
