import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { toIdentity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, pidsCgroup, run, serverAt, until } from '@iapeer/dev/testing'
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

/** Removes the exit hook of a leader, so that tmux does not record its exit, as where no process could be started. */
async function removeHook(session: PeerSession): Promise<void> {
  const server = serverAt(session.socketPath, session.server.pid)
  await server.tmux('set-hook', '-u', '-p', '-t', session.paneId, 'pane-died')
}

/** Returns after the server of a peer was killed and its restart is planned; no daemon runs. */
async function killedAndPlanned(made: TestRoot): Promise<void> {
  const session = await running(made)
  await updatePeer(made.root, 'bob', { restart: 'on-failure' })
  process.kill(session.server.pid, 'SIGKILL')
  await until('the end to be settled', async () => {
    await settleFleet(made.root)
    return (await statusOf(made.root, BOB)).tally.startAt
  })
}

/** Returns each file below state/ and logs/ with its content. */
const stateFiles = (root: string): string[] =>
  ['state', 'logs'].flatMap((part) =>
    readdirSync(join(root, part), { recursive: true })
      .map((name) => join(root, part, String(name)))
      .filter((path) => lstatSync(path).isFile())
      .sort()
      .map((path) => `${path}: ${readFileSync(path, 'latin1')}`),
  )

const filesOf = (root: string, directory: string): string[] => readdirSync(join(root, directory))

it('shows a claimed end that is not settled yet, not the end of the session before', async () => {
  const made = newRoot()
  const bob = await made.peer(SLEEP)
  await launchPeer(made.root, bob)
  await stopPeer(made.root, BOB, by)
  const { session } = await launchPeer(made.root, bob)
  process.kill(session.leader.pid, 'SIGKILL')
  const { tmux } = serverAt(session.socketPath, session.server.pid)
  await until('its death', async () => {
    if (made.deaths().length > 0) return true
    // On a busy system tmux can miss the exit of a child until the next one exits; without a daemon nothing heals that.
    await tmux('run-shell', '-b', 'sleep 0.2')
    return false
  })
  expect(await fleetView(made.root)).toMatchObject([
    { state: 'failed', lastEnd: 'crash', lastDeath: `${BOB}-${session.gen}` },
  ])
  // Only shown: the end is settled by the daemon or a command.
  expect((await statusOf(made.root, BOB)).tally).toMatchObject({ lastEnd: 'stopped' })
})

it('shows a planned start also while it is being made', async () => {
  const made = newRoot()
  await killedAndPlanned(made)
  await until('the time of the start', async () => {
    const { startAt } = (await statusOf(made.root, BOB)).tally
    return Date.parse(startAt ?? '') < Date.now()
  })
  expect(await fleetView(made.root)).toMatchObject([{ state: 'failed', nextStartAt: expect.any(String) }])
})

describe('a fleet without a daemon', () => {
  it.runIf(isFullCampaign())(
    'has an exit that no hook recorded recorded by the next command, with the time at which tmux noticed it',
    async () => {
      const made = newRoot()
      const session = await running(made)
      await removeHook(session)
      await new Promise((resolve) => setTimeout(resolve, 3_200))
      process.kill(session.leader.pid, 'SIGKILL')
      const killedAt = Date.now()
      await until('the leader to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
      // It is a zombie until tmux notices its exit, which takes seconds on a busy system.
      const server = serverAt(session.socketPath, session.server.pid)
      await until(
        'tmux to notice it',
        async () =>
          (await server.tmux('display-message', '-p', '-t', session.paneId, '#{pane_dead}')).stdout.trim() ===
          '1',
      )
      const noticedAt = Date.now()
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      expect(made.deaths()).toEqual([])
      await settleFleet(made.root)
      const [death, ...more] = made.deaths()
      expect(more).toEqual([])
      expect(death).toMatchObject({ ev: 'session-exit', dead_signal: 'SIGKILL' })
      expect(death).not.toHaveProperty('seen_alive')
      // tmux knows whole seconds.
      expect(Date.parse(death?.['ts'] ?? '')).toBeGreaterThan(killedAt - 1_500)
      expect(Date.parse(death?.['ts'] ?? '')).toBeLessThan(noticedAt + 1_500)
      expect((await statusOf(made.root, BOB)).tally).toMatchObject({
        lastEnd: 'crash',
        endings: [{ death: true }],
      })
      expect(await fleetView(made.root)).toMatchObject([
        { state: 'failed', lastDeath: `command-bob-${session.gen}` },
      ])
      await until('the server to exit', async () => (await identifyProcess(session.server.pid)) === undefined)
    },
  )

  it.runIf(isFullCampaign())(
    'has a removed pane that was not witnessed recorded with the two times between which it was removed',
    async () => {
      const made = newRoot()
      const session = await running(made)
      const server = serverAt(session.socketPath, session.server.pid)
      await server.tmux('set-environment', '-gh', 'IAPEER_WITNESS', '/-')
      await server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
      await new Promise((resolve) => setTimeout(resolve, 3_200))
      await server.tmux('kill-pane', '-t', session.paneId)
      await until('the leader to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
      const lookedAt = Date.now()
      await settleFleet(made.root)
      const [death, ...more] = made.deaths()
      expect(more).toEqual([])
      expect(death).toMatchObject({ ev: 'session-exit', cause: 'leader-removed' })
      const seenAlive = Date.parse(death?.['seen_alive'] ?? '')
      expect(Math.abs(seenAlive - Date.parse(session.startedAt))).toBeLessThan(1_000)
      expect(Date.parse(death?.['ts'] ?? '')).toBeGreaterThan(lookedAt - 50)
      await server.end()
    },
  )

  it.runIf(isFullCampaign())(
    'says that an exit cannot be recorded while its tmux server has no file descriptor left, and records it later',
    async (test) => {
      const made = newRoot()
      const session = await running(made)
      const limit = (nofile: string) => run('prlimit', [`--pid=${session.server.pid}`, `--nofile=${nofile}:`])
      // 10 descriptors are fewer than it has open: it gets no other one.
      if ((await limit('10')).exitCode !== 0) return test.skip('prlimit cannot lower the limit of a process')
      process.kill(session.leader.pid, 'SIGKILL')
      const killedAt = Date.now()
      await until('the leader to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
      expect(await settleFleet(made.root)).toBe(
        `the exit of command-bob (pid ${session.leader.pid}) cannot be recorded yet: its tmux server (pid ${session.server.pid}) does not answer`,
      )
      expect(made.deaths()).toEqual([])
      await limit('1000')
      await until('the record', async () => {
        await settleFleet(made.root)
        return made.deaths().length > 0
      })
      const [death] = made.deaths()
      expect(death).toMatchObject({ ev: 'session-exit', dead_signal: 'SIGKILL' })
      expect(Math.abs(Date.parse(death?.['ts'] ?? '') - killedAt)).toBeLessThan(1_500)
      expect(await settleFleet(made.root)).toBeUndefined()
      await until('the server to exit', async () => (await identifyProcess(session.server.pid)) === undefined)
    },
  )

  it('does not take a death for a stop while its recorder cannot write, and settles it later', async (test) => {
    const made = newRoot()
    const session = await running(made)
    track(() => limit('1000'))
    const [recorder] = await listCanaries(rootRecordLocation(made.root))
    const limit = (nofile: string) =>
      run('prlimit', [`--pid=${recorder?.recorderPid}`, `--nofile=${nofile}:`])
    if ((await limit('3')).exitCode !== 0) return test.skip('prlimit cannot lower the limit of a process')
    process.kill(session.server.pid, 'SIGKILL')
    const killedAt = Date.now()
    await until('the server to exit', async () => (await identifyProcess(session.server.pid)) === undefined)
    expect(await settleFleet(made.root)).toBe(
      `the death of command-bob (tmux server ${session.server.pid}) is not recorded yet: its recorder has not finished`,
    )
    const before = await statusOf(made.root, BOB)
    expect(before).toMatchObject({ unsettled: { gen: session.gen }, tally: { endings: [] } })
    await limit('1000')
    await until('the end to be settled', async () => {
      await settleFleet(made.root)
      return (await statusOf(made.root, BOB)).unsettled === undefined
    })
    expect((await statusOf(made.root, BOB)).tally).toMatchObject({
      lastEnd: 'crash',
      endings: [{ death: true }],
    })
    const [death, ...more] = made.deaths()
    expect([death, more]).toMatchObject([{ ev: 'server-exit', signal: 'SIGKILL' }, []])
    expect(Math.abs(Date.parse(death?.['ts'] ?? '') - killedAt)).toBeLessThan(1_500)
  })

  it('under a daemon: a peer whose recorder cannot write for seconds is restarted once its death is recorded', async (test) => {
    const made = newRoot()
    const session = await running(made)
    await updatePeer(made.root, 'bob', { restart: 'on-failure' })
    const [recorder] = await listCanaries(rootRecordLocation(made.root))
    const limit = (nofile: string) =>
      run('prlimit', [`--pid=${recorder?.recorderPid}`, `--nofile=${nofile}:`])
    track(() => limit('1000'))
    const supervisor = new FleetSupervisor(made.root)
    track(() => supervisor.stop())
    await supervisor.start()
    if ((await limit('3')).exitCode !== 0) return test.skip('prlimit cannot lower the limit of a process')
    process.kill(session.server.pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 7_000))
    expect(await statusOf(made.root, BOB)).toMatchObject({
      unsettled: { gen: session.gen },
      tally: { endings: [] },
    })
    await limit('1000')
    const next = await until(
      'the restart',
      async () => {
        const { session: now, tally } = await statusOf(made.root, BOB)
        return now !== undefined && now.gen !== session.gen ? tally : undefined
      },
      30_000,
    )
    expect(next.endings).toMatchObject([{ gen: session.gen, crash: true, death: true }])
    expect(made.deaths()).toHaveLength(1)
  })

  it('finds the scripts of its recorders again after a cleaner has removed them, and records the exit', async () => {
    const made = newRoot()
    const session = await running(made)
    rmSync(join(made.root, 'lib'), { recursive: true })
    process.kill(session.leader.pid, 'SIGSEGV')
    await until('the leader to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
    expect(await settleFleet(made.root)).toBeUndefined()
    expect(made.deaths()).toMatchObject([{ ev: 'session-exit', dead_signal: 'SIGSEGV' }])
    await until('the server to exit', async () => (await identifyProcess(session.server.pid)) === undefined)
    await until('the guard to finish', () => filesOf(made.root, 'state/canary').length === 0)
  })

  it('under a daemon: removed scripts are there again after a tick, and the hook of a running peer uses them', async () => {
    const made = newRoot()
    const session = await running(made)
    rmSync(join(made.root, 'lib'), { recursive: true })
    const supervisor = new FleetSupervisor(made.root)
    track(() => supervisor.stop())
    await supervisor.start()
    await until('the scripts', () => {
      const copies = existsSync(join(made.root, 'lib')) ? filesOf(made.root, 'lib') : []
      return copies.some((name) => name.startsWith('hook-')) && copies.length >= 2
    })
    await supervisor.stop()
    process.kill(session.leader.pid, 'SIGKILL')
    await until('the record by the hook', () => made.deaths().length > 0)
    expect(made.deaths()).toMatchObject([{ ev: 'session-exit', dead_signal: 'SIGKILL' }])
    await settleFleet(made.root)
  })

  it('whose peer is stopped while it waits for its restart does not start it', async () => {
    const made = newRoot()
    await killedAndPlanned(made)
    expect(await stopPeer(made.root, BOB, by)).toEqual({ state: 'stopped' })
    const { tally } = await statusOf(made.root, BOB)
    expect([tally.startAt, tally.startMode, tally.lastEnd]).toEqual([undefined, undefined, 'crash'])
  })

  it('plans the restart after a death, and a daemon that is started later carries it out', async () => {
    const made = newRoot()
    await killedAndPlanned(made)
    const supervisor = new FleetSupervisor(made.root)
    track(() => supervisor.stop())
    await supervisor.start()
    await until('the restart', async () => (await statusOf(made.root, BOB)).state === 'running')
    await supervisor.stop()
    await stopPeer(made.root, BOB, by)
  })

  it('changes no state where nothing has ended', async () => {
    const made = newRoot()
    await running(made)
    const before = stateFiles(made.root)
    expect(before.length).toBeGreaterThan(5)
    await settleFleet(made.root)
    expect(stateFiles(made.root)).toEqual(before)
    await stopPeer(made.root, BOB, by)
  })
})

describe('stopping servers that belong to no session', () => {
  it('leaves no server, guard or socket of a lost session file', async () => {
    const made = newRoot()
    const session = await running(made)
    // The session file is lost: the server still runs, but no command knows it.
    rmSync(join(made.root, 'state', 'lifecycle', 'command-bob.session'))
    expect(await stopStrays(made.root)).toEqual([{ identity: BOB, serverPid: session.server.pid }])
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect(filesOf(made.root, 'run')).toEqual([])
    await until('the guard to finish', () => filesOf(made.root, 'state/canary').length === 0)
    expect(made.deaths()).toEqual([])
  })

  it('removes the socket of a dead server whose guard is still recording', async () => {
    const made = newRoot()
    const session = await running(made)
    const [guard] = await listCanaries(rootRecordLocation(made.root))
    const guardPid = guard?.recorderPid ?? 0
    expect(guardPid).toBeGreaterThan(1)
    process.kill(guardPid, 'SIGSTOP')
    try {
      process.kill(session.server.pid, 'SIGKILL')
      await until('its exit', async () => (await identifyProcess(session.server.pid)) === undefined)
      rmSync(join(made.root, 'state', 'lifecycle', 'command-bob.session'))
      expect(await stopStrays(made.root)).toEqual([])
      expect(filesOf(made.root, 'run')).toEqual([])
    } finally {
      process.kill(guardPid, 'SIGCONT')
    }
    await until('the guard to finish', () => filesOf(made.root, 'state/canary').length === 0)
    expect(made.deaths()).toHaveLength(1)
  })

  it('stops a server whose leader has exited and whose hook could not stop it', async (test) => {
    const cgroup = pidsCgroup()
    if (typeof cgroup === 'string') return test.skip(cgroup)
    track(cgroup.remove)
    const made = newRoot()
    const session = await running(made)
    cgroup.add(session.server.pid)
    cgroup.deny()
    process.kill(session.leader.pid, 'SIGKILL')
    await until('the leader to exit', async () => (await identifyProcess(session.leader.pid)) === undefined)
    await settleFleet(made.root)
    await stopStrays(made.root)
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect(made.deaths()).toHaveLength(1)
    expect(existsSync(session.socketPath)).toBe(false)
  })

  it('does not stop the server of a running peer, or one in which a person has a session', async () => {
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
