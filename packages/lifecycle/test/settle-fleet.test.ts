import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { toIdentity } from '@iapeer/core/identity'
import { rootRecordPlace } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { updatePeer } from '@iapeer/core/registry'
import { pidsCgroup, serverAt, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  FleetSupervisor,
  fleetView,
  launchPeer,
  type PeerSession,
  settleFleet,
  statusOf,
  stopPeer,
  stopStrays,
} from '../src/index.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('command-bob')
const SLEEP = ['sleep', '1000']
const by = { by: 'a test' }

async function running(made: TestRoot): Promise<PeerSession> {
  return (await launchPeer(made.root, await made.peer(SLEEP))).session
}

/** A leader whose end tmux does not record: its hook is gone, as where no process could be started for it. */
async function withoutHook(session: PeerSession): Promise<void> {
  const server = serverAt(session.socketPath, session.server.pid)
  await server.tmux('set-hook', '-u', '-p', '-t', session.paneId, 'pane-died')
}

/** A peer whose server died, and whose restart is planned; no daemon runs. */
async function diedAndPlanned(made: TestRoot): Promise<void> {
  const session = await running(made)
  await updatePeer(made.root, 'bob', { afterDeath: 'restart' })
  process.kill(session.server.pid, 'SIGKILL')
  await until('the end to be settled', async () => {
    await settleFleet(made.root)
    return (await statusOf(made.root, BOB)).tally.startAt
  })
}

/** Each file below state/ and logs/, with its content. */
const stateOf = (root: string): string[] =>
  ['state', 'logs'].flatMap((part) =>
    readdirSync(join(root, part), { recursive: true })
      .map((name) => join(root, part, String(name)))
      .filter((path) => lstatSync(path).isFile())
      .sort()
      .map((path) => `${path}: ${readFileSync(path, 'latin1')}`),
  )

const filesOf = (root: string, folder: string): string[] => readdirSync(join(root, folder))

describe('a fleet without a daemon', () => {
  it('has an end that tmux has lost recorded by whatever looks, which says when it was seen alive', async () => {
    const made = newRoot()
    const session = await running(made)
    await withoutHook(session)
    await new Promise((resolve) => setTimeout(resolve, 3_200))
    process.kill(session.leader.pid, 'SIGKILL')
    await until('it to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
    expect(made.deaths()).toEqual([])
    await settleFleet(made.root)
    const [death, ...more] = made.deaths()
    expect(more).toEqual([])
    expect(death).toMatchObject({ ev: 'session-exit', dead_signal: 'SIGKILL' })
    const alive = Date.parse(death?.['seen_alive'] ?? '')
    expect(Math.abs(alive - Date.parse(session.startedAt))).toBeLessThan(1_000)
    expect(Date.parse(death?.['ts'] ?? '')).toBeGreaterThan(alive + 3_000)
    expect((await statusOf(made.root, BOB)).tally).toMatchObject({
      lastEnd: 'crash',
      endings: [{ death: true }],
    })
    expect(await fleetView(made.root)).toMatchObject([
      { state: 'asleep', lastDeath: `command-bob-${session.gen}` },
    ])
    await until('the server to go', async () => (await identifyProcess(session.server.pid)) === undefined)
  })

  it('that is stopped while it waits for its restart stays down', async () => {
    const made = newRoot()
    await diedAndPlanned(made)
    expect(await stopPeer(made.root, BOB, by)).toEqual({ state: 'stopped' })
    const { tally } = await statusOf(made.root, BOB)
    expect([tally.startAt, tally.startMode, tally.lastEnd]).toEqual([undefined, undefined, 'crash'])
  })

  it('has what follows an end planned, and a daemon that comes later carries it out', async () => {
    const made = newRoot()
    await diedAndPlanned(made)
    const supervisor = new FleetSupervisor(made.root)
    track(() => supervisor.stop())
    await supervisor.start()
    await until('it to be back', async () => (await statusOf(made.root, BOB)).state === 'alive')
    await supervisor.stop()
    await stopPeer(made.root, BOB, by)
  })

  it('changes no state where nothing has ended', async () => {
    const made = newRoot()
    await running(made)
    const before = stateOf(made.root)
    expect(before.length).toBeGreaterThan(5)
    await settleFleet(made.root)
    expect(stateOf(made.root)).toEqual(before)
    await stopPeer(made.root, BOB, by)
  })
})

describe('stopping what no peer has any more', () => {
  it('leaves no server, guard or socket, whatever died before', async () => {
    const made = newRoot()
    const session = await running(made)
    // A session file that is lost: the server runs on, and no command knows it.
    rmSync(join(made.root, 'state', 'lifecycle', 'command-bob.session'))
    expect(await stopStrays(made.root)).toEqual([{ identity: BOB, serverPid: session.server.pid }])
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect(filesOf(made.root, 'run')).toEqual([])
    await until('the guard to finish', () => filesOf(made.root, 'state/canary').length === 0)
    expect(made.deaths()).toEqual([])
  })

  it('leaves no socket of a dead server whose guard is still busy with its end', async () => {
    const made = newRoot()
    const session = await running(made)
    const [guard] = await listCanaries(rootRecordPlace(made.root))
    const guardPid = guard?.recorderPid ?? 0
    expect(guardPid).toBeGreaterThan(1)
    process.kill(guardPid, 'SIGSTOP')
    try {
      process.kill(session.server.pid, 'SIGKILL')
      await until('its end', async () => (await identifyProcess(session.server.pid)) === undefined)
      rmSync(join(made.root, 'state', 'lifecycle', 'command-bob.session'))
      expect(await stopStrays(made.root)).toEqual([])
      expect(filesOf(made.root, 'run')).toEqual([])
    } finally {
      process.kill(guardPid, 'SIGCONT')
    }
    await until('the guard to finish', () => filesOf(made.root, 'state/canary').length === 0)
    expect(made.deaths()).toHaveLength(1)
  })

  it('stops a server whose leader has died and whose hook could not end it', async (test) => {
    const cgroup = pidsCgroup()
    if (typeof cgroup === 'string') return test.skip(cgroup)
    track(cgroup.remove)
    const made = newRoot()
    const session = await running(made)
    cgroup.add(session.server.pid)
    cgroup.deny()
    process.kill(session.leader.pid, 'SIGKILL')
    await until('it to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
    await settleFleet(made.root)
    await stopStrays(made.root)
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect(made.deaths()).toHaveLength(1)
    expect(existsSync(session.socketPath)).toBe(false)
  })

  it('leaves the server of a running peer, and one in which a person has a session', async () => {
    const made = newRoot()
    const bob = await running(made)
    const ann = (await launchPeer(made.root, await made.peer(SLEEP, 'ann'))).session
    const server = serverAt(ann.socketPath, ann.server.pid)
    await server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
    expect(await stopPeer(made.root, toIdentity('command-ann'), by)).toMatchObject({ state: 'session-ended' })
    expect(await stopStrays(made.root)).toEqual([])
    expect((await statusOf(made.root, BOB)).session?.server).toEqual(bob.server)
    expect(server.alive()).toBe(true)
    await server.end()
    await stopPeer(made.root, BOB, by)
  })
})
