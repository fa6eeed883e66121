import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readGenerationName, reconcile } from '@iapeer/canary'
import { type Identity, toIdentity, toPersonality } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, readBoot } from '@iapeer/core/process'
import { listPeers, updatePeer, verifyRegistry } from '@iapeer/core/registry'
import {
  campaignCases,
  campaignSize,
  isFullCampaign,
  serverAt,
  startOldGuard,
  startOldLeader,
  startServer,
  until,
} from '@iapeer/dev/testing'
import { peerSocketPath } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import {
  FleetSupervisor,
  finishRename,
  finishSessions,
  fleetView,
  launchPeer,
  listSessions,
  type PeerSession,
  readDeathRecords,
  readSession,
  removeNamed,
  renameNamed,
  runPeer,
  statusOf,
  stopPeer,
  superviseFleet,
  unfinishedRename,
} from '../src/index.ts'
import { lockIdentity } from '../src/sessions/index.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('command-bob')
const ANN = toIdentity('command-ann')
const ann = toPersonality('ann')
const SLEEP = ['sleep', '1000']
const by = { by: 'a test' }
/** How often a death or a stop comes during a rename, each time a little later. */
const ROUNDS = campaignSize(12)

/** Creates and starts the peer `bob`. */
async function startBob(made: TestRoot): Promise<PeerSession> {
  return (await launchPeer(made.root, await made.peer(SLEEP))).session
}

/** Waits until every recorder has finished. @returns every record */
async function records({ root }: TestRoot) {
  await until('the recorders to finish', async () => {
    await finishSessions(root)
    return readdirSync(join(root, 'state', 'canary')).length === 0
  })
  await reconcile(rootRecordLocation(root))
  return readDeathRecords(root)
}

describe('a running peer that is renamed', () => {
  it('goes on: process, server, socket and generation stay, and every command uses its new name', async () => {
    const made = newRoot()
    const { root } = made
    const before = await startBob(made)
    const renamed = await renameNamed(root, 'bob', ann)
    expect(renamed).toMatchObject({
      formerly: 'bob',
      entry: { personality: 'ann' },
      running: [{ identity: ANN }],
    })
    const { session, state } = await statusOf(root, ANN)
    expect(state).toBe('running')
    expect(session).toEqual({ ...before, identity: ANN, recordedAs: BOB })
    expect((await statusOf(root, BOB)).session).toBeUndefined()
    expect(await fleetView(root)).toMatchObject([
      { identity: ANN, state: 'running', serverPid: before.server.pid, canary: 'guard' },
    ])
    const shown = await serverAt(before.socketPath, before.server.pid).tmux('display-message', '-p', '#S')
    expect(shown.stdout.trim()).toBe(ANN)
    expect(await stopPeer(root, ANN, by)).toMatchObject({ state: 'ended' })
    expect(await records(made)).toEqual([])
    expect(readdirSync(join(root, 'run'))).toEqual([])
    expect(existsSync(join(root, 'logs', 'lifecycle', 'command-ann.log'))).toBe(true)
    expect(existsSync(join(root, 'logs', 'lifecycle', 'command-bob.log'))).toBe(false)
  })

  it.each(
    campaignCases([
      ['its program', 'leader', 'session-exit'],
      ['its server', 'server', 'server-exit'],
    ] as const),
  )('is recorded once, under its new name, when %s is killed', async (_what, which, event) => {
    const made = newRoot()
    const session = await startBob(made)
    await renameNamed(made.root, 'bob', ann)
    process.kill(session[which].pid, 'SIGKILL')
    expect(await until('the record', async () => (await records(made))[0])).toMatchObject({
      event,
      identity: ANN,
      id: `command-ann-${session.gen}`,
    })
    expect(made.deaths()).toHaveLength(1)
  })

  it('is recorded under its new name by a recorder that replaced a lost one', async () => {
    const made = newRoot()
    const session = await startBob(made)
    await renameNamed(made.root, 'bob', ann)
    const supervisor = superviseFleet(made.root, { env: { ...process.env, IAPEER_TICK_SECS: '0.2' } })
    track(() => supervisor.stop())
    await supervisor.start()
    const state = join(made.root, 'state', 'canary', `command-bob-${session.gen}`)
    const guard = Number(/^recorder=(\d+)/m.exec(readFileSync(state, 'utf8'))?.[1])
    process.kill(guard, 'SIGKILL')
    await until('another recorder', () => readFileSync(state, 'utf8').includes('mode=watch'))
    await supervisor.stop()
    process.kill(session.server.pid, 'SIGKILL')
    expect(await until('the record', async () => (await records(made))[0])).toMatchObject({ identity: ANN })
    expect(made.deaths()).toHaveLength(1)
  })

  it('keeps its earlier deaths, and the ids of their records', async () => {
    const made = newRoot()
    const first = await startBob(made)
    process.kill(first.leader.pid, 'SIGKILL')
    await until('the record', async () => (await records(made))[0])
    await restart(made)
    await renameNamed(made.root, 'bob', ann)
    expect(await readDeathRecords(made.root)).toMatchObject([
      { identity: ANN, id: `command-bob-${first.gen}` },
    ])
    expect(await fleetView(made.root)).toMatchObject([{ lastDeath: `command-bob-${first.gen}` }])
    await stopPeer(made.root, ANN, by)
  })

  it.each(campaignCases(['agent', 'server'] as const))(
    'whose %s has died a moment before is restarted under its new name',
    async (what) => {
      const made = newRoot()
      const entry = await made.peer(SLEEP)
      await updatePeer(made.root, entry.personality, { restart: 'on-failure' })
      const { session: first } = await launchPeer(made.root, entry)
      process.kill(what === 'agent' ? first.leader.pid : first.server.pid, 'SIGKILL')
      await until('the record', async () => (await records(made))[0])
      await renameNamed(made.root, 'bob', ann)
      const supervisor = new FleetSupervisor(made.root, {
        ...{ env: { ...process.env, IAPEER_TICK_SECS: '0.3' }, random: () => 0 },
      })
      supervisor.start()
      track(() => supervisor.stop())
      const next = await until('the restart', async () => (await statusOf(made.root, ANN)).session, 15_000)
      expect(next.gen).not.toBe(first.gen)
      await supervisor.stop()
      await stopPeer(made.root, ANN, by)
      expect(await records(made)).toMatchObject([{ identity: ANN, id: `command-bob-${first.gen}` }])
    },
  )

  it.runIf(isFullCampaign())(
    'frees its old name for a new peer at once, and each death is recorded under its own name',
    async () => {
      const made = newRoot()
      const { root } = made
      const old = await startBob(made)
      await renameNamed(root, 'bob', ann)
      const fresh = (await launchPeer(root, await made.peer(SLEEP, 'bob'))).session
      expect(fresh.socketPath).not.toBe(old.socketPath)
      expect((await statusOf(root, ANN)).session?.server).toEqual(old.server)
      process.kill(fresh.leader.pid, 'SIGKILL')
      await until('the record of bob', async () => {
        await finishSessions(root)
        return (await readDeathRecords(root)).length === 1
      })
      expect((await statusOf(root, ANN)).state).toBe('running')
      process.kill(old.leader.pid, 'SIGKILL')
      const found = await until('both records', async () => {
        const all = await records(made)
        return all.length === 2 && all
      })
      expect(found.map(({ identity, gen }) => [identity, gen])).toEqual([
        [BOB, fresh.gen],
        [ANN, old.gen],
      ])
    },
  )

  it('can be renamed again, and back', async () => {
    const made = newRoot()
    const { root } = made
    const session = await startBob(made)
    await renameNamed(root, 'bob', ann)
    await renameNamed(root, 'ann', toPersonality('eve'))
    await renameNamed(root, 'eve', toPersonality('bob'))
    expect((await statusOf(root, BOB)).session).toEqual({ ...session, recordedAs: BOB })
    process.kill(session.server.pid, 'SIGKILL')
    expect(await until('the record', async () => (await records(made))[0])).toMatchObject({ identity: BOB })
    expect(made.deaths()).toHaveLength(1)
  })

  it('is stopped once: its server with a session of a person is not taken for an interrupted launch', async () => {
    const made = newRoot()
    const { root } = made
    const { server, socketPath, gen } = await startBob(made)
    const { session } = await renameNamed(root, 'bob', ann).then(() => statusOf(root, ANN))
    const person = serverAt(socketPath, server.pid)
    track(async () => person.kill('SIGKILL'))
    await person.tmux('new-session', '-d', '-s', 'person', 'sleep 1000')
    expect(await stopPeer(root, ANN, by)).toMatchObject({ state: 'session-ended' })
    const marks = (): string[] =>
      readdirSync(join(root, 'state', 'lifecycle')).filter((name) => name.endsWith('.detached'))
    expect(marks()).toEqual([`${ANN}-${gen}.detached`])
    await stopPeer(root, ANN, by)
    expect(readFileSync(join(root, 'logs', 'iapeer', 'lifecycle.log'), 'utf8')).not.toContain('interrupted')
    expect(session?.server).toEqual(server)
    person.kill('SIGKILL')
    expect(await records(made)).toHaveLength(1)
    await removeNamed(root, 'ann', by)
    expect(marks()).toEqual([])
  })

  it('is still managed by iapeer run', async () => {
    const made = newRoot()
    const { root } = made
    const entry = await made.peer(SLEEP)
    const stopping = new AbortController()
    const started = deferred()
    const result = runPeer(root, entry, {
      signal: stopping.signal,
      onRunning: () => started.resolve(undefined),
      stop: by,
    })
    await started.promise
    await renameNamed(root, 'bob', ann)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect((await statusOf(root, ANN)).state).toBe('managed')
    stopping.abort()
    expect(await result).toBe('stopped')
    expect(await records(made)).toEqual([])
  })

  it('whose session file is corrupt is found again under its new name', async () => {
    const made = newRoot()
    const { root } = made
    const session = await startBob(made)
    await renameNamed(root, 'bob', ann)
    writeFileSync(join(root, 'state', 'lifecycle', 'command-ann.session'), 'not json')
    expect(await stopPeer(root, ANN, by)).toMatchObject({ state: 'ended' })
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect(await records(made)).toEqual([])
  })
})

function deferred() {
  let resolve: (value: unknown) => void = () => undefined
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** Starts the only peer of a root again. */
async function restart({ root }: TestRoot): Promise<PeerSession> {
  const [entry] = await listPeers(root)
  if (entry === undefined) throw new Error('no peer')
  return (await launchPeer(root, entry)).session
}

describe('a death during a rename', () => {
  it.each(campaignCases(['leader', 'server'] as const))(
    'is one record under the new name, whichever comes first (%s killed)',
    async (which) => {
      for (let round = 0; round < ROUNDS; round++) {
        const made = newRoot()
        const session = await startBob(made)
        const renaming = renameNamed(made.root, 'bob', ann)
        await new Promise((resolve) => setTimeout(resolve, (36 * round) / ROUNDS))
        process.kill(session[which].pid, 'SIGKILL')
        await renaming
        const found = await until('the record', async () => {
          const all = await records(made)
          return all.length > 0 && all
        })
        expect(found).toMatchObject([{ identity: ANN, gen: session.gen }])
        expect((await statusOf(made.root, BOB)).session).toBeUndefined()
        expect(made.deaths()).toHaveLength(1)
      }
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'is not recorded when it is a stop',
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const made = newRoot()
        await startBob(made)
        const renaming = renameNamed(made.root, 'bob', ann)
        await new Promise((resolve) => setTimeout(resolve, round * 4))
        await Promise.all([renaming, stopPeer(made.root, BOB, by)])
        await stopPeer(made.root, ANN, by)
        expect(await records(made)).toEqual([])
      }
    },
    60_000,
  )
})

describe('an interrupted rename', () => {
  it.runIf(isFullCampaign())(
    'is finished after kill -9 at any moment, and the peer goes on under one name',
    async () => {
      const made = newRoot()
      const { root } = made
      const session = await startBob(made)
      for (let round = 0; round < campaignSize(25); round++) {
        const fixture = fileURLToPath(new URL('./fixtures/rename.mjs', import.meta.url))
        const child = spawn(process.execPath, [fixture, JSON.stringify({ root, names: ['bob', 'ann'] })], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
        child.kill('SIGKILL')
        await new Promise((resolve) => child.once('exit', resolve))
        await finishRename(root)
        expect(unfinishedRename(root)).toBeUndefined()
        const [entry] = await listPeers(root)
        const name = entry?.personality ?? ''
        const identity: Identity = toIdentity(`command-${name}`)
        const other = identity === BOB ? ANN : BOB
        expect((await verifyRegistry(root)).filter(({ kind }) => kind !== 'link-missing')).toEqual([])
        expect((await statusOf(root, identity)).session?.server).toEqual(session.server)
        expect(await readSession(root, other)).toBeUndefined()
        const generationName = readGenerationName({ gen: session.gen ?? '', ...rootRecordLocation(root) })
        expect(generationName ?? BOB).toBe(identity)
      }
      const [entry] = await listPeers(root)
      await stopPeer(root, toIdentity(`command-${entry?.personality}`), by)
      expect(await records(made)).toEqual([])
    },
    60_000,
  )

  it('is undone when the profile was not changed yet; an incomplete pending file is removed', async () => {
    const made = newRoot()
    const { root } = made
    const session = await startBob(made)
    const pending = join(root, 'state', 'rename.pending')
    const [entry] = await listPeers(root)
    const content = {
      ts: new Date().toISOString(),
      from: 'bob',
      to: 'ann',
      home: entry?.home,
      runtimes: ['command'],
    }
    writeFileSync(pending, JSON.stringify({ ...content, generations: [{ gen: session.gen, identity: BOB }] }))
    expect(unfinishedRename(root)).toMatchObject({ from: 'bob', to: 'ann' })
    expect(await finishRename(root)).toBe(true)
    expect((await statusOf(root, BOB)).state).toBe('running')
    writeFileSync(pending, '{"ts":"2026')
    expect(await finishRename(root)).toBe(false)
    expect(existsSync(pending)).toBe(false)
    await stopPeer(root, BOB, by)
  })

  it('stays pending, and delays no command, while one of its locks is held or its profile cannot be read', async () => {
    const made = newRoot()
    const { root } = made
    const entry = await made.peer(SLEEP)
    const pending = join(root, 'state', 'rename.pending')
    const content = { ts: new Date().toISOString(), from: 'bob', to: 'ann', home: entry.home }
    writeFileSync(pending, JSON.stringify({ ...content, runtimes: ['command'], generations: [] }))
    const lock = await lockIdentity(root, ANN, 0)
    expect(await finishRename(root)).toBe(false)
    lock.release()
    const profile = join(entry.home, '.iapeer', 'peer-profile.json')
    const text = readFileSync(profile, 'utf8')
    writeFileSync(profile, '{')
    expect(await finishRename(root)).toBe(false)
    expect(unfinishedRename(root)).toMatchObject({ to: 'ann' })
    writeFileSync(profile, text.replace('"bob"', '"ann"'))
    // A rename finishes an interrupted one first.
    const named = await renameNamed(root, 'ann', toPersonality('eve'))
    expect(named).toMatchObject({ formerly: 'ann', entry: { personality: 'eve' } })
    expect(existsSync(pending)).toBe(false)
    expect((await listPeers(root)).map(({ personality }) => personality)).toEqual(['eve'])
  })
})

describe('a rename is refused, and nothing changes', () => {
  it('where the name is taken', async () => {
    const made = newRoot()
    const session = await startBob(made)
    await made.peer(SLEEP, 'ann')
    await expect(renameNamed(made.root, 'bob', ann)).rejects.toMatchObject({ code: 'name-taken' })
    expect((await statusOf(made.root, BOB)).session).toEqual(session)
    expect(readGenerationName({ gen: session.gen ?? '', ...rootRecordLocation(made.root) }) ?? BOB).toBe(BOB)
    expect(unfinishedRename(made.root)).toBeUndefined()
    process.kill(session.server.pid, 'SIGKILL')
    expect(await until('the record', async () => (await records(made))[0])).toMatchObject({ identity: BOB })
  })

  it('where its recorder is of an earlier version, which cannot follow a rename', async () => {
    const made = newRoot()
    const { root } = made
    await made.peer(SLEEP)
    const old = await startOldGuard({
      ...rootRecordLocation(root),
      identity: BOB,
      gen: '00000000000000a1',
      socketPath: peerSocketPath(join(root, 'run'), BOB),
      boot: await readBoot(),
    })
    track(old.server.end)
    const { sessionId, paneId, pid } = await startOldLeader(old, SLEEP)
    const leader = await identifyProcess(pid)
    const at = new Date().toISOString()
    // As commit 8db4440 wrote it.
    const session = {
      schemaVersion: 1,
      identity: BOB,
      gen: old.gen,
      socketPath: old.socketPath,
      sessionId,
      paneId,
      startedAt: at,
      readyAt: at,
      server: `${old.server.id.pid}:${old.server.id.token}`,
      leader: `${pid}:${leader?.token}`,
    }
    writeFileSync(join(root, 'state', 'lifecycle', 'command-bob.session'), JSON.stringify(session))
    await expect(renameNamed(root, 'bob', ann)).rejects.toMatchObject({
      code: 'recorder-too-old',
      hint: 'Restart it first: iapeer restart command-bob',
    })
    expect((await statusOf(root, BOB)).state).toBe('running')
    expect(await stopPeer(root, BOB, by)).toMatchObject({ state: 'ended' })
    expect(await records(made)).toEqual([])
  })
})

describe('removing a peer', () => {
  it('is refused while it runs, and it goes on', async () => {
    const made = newRoot()
    const session = await startBob(made)
    await expect(removeNamed(made.root, 'bob', by)).rejects.toMatchObject({
      code: 'running',
      hint: expect.stringContaining('iapeer remove --force bob'),
    })
    expect((await statusOf(made.root, BOB)).session).toEqual(session)
    expect(await listPeers(made.root)).toHaveLength(1)
    await stopPeer(made.root, BOB, by)
  })

  it('with force stops the peer first, reports that, and removes its state', async () => {
    const made = newRoot()
    const session = await startBob(made)
    expect(await removeNamed(made.root, 'bob', { ...by, force: true })).toMatchObject({
      personality: 'bob',
      stopped: [{ identity: BOB, leader: session.leader }],
    })
    expect(await listPeers(made.root)).toEqual([])
    expect(await listSessions(made.root)).toEqual([])
    expect(readdirSync(join(made.root, 'state', 'lifecycle'))).toEqual([])
    expect(await records(made)).toEqual([])
  })

  it('leaves nothing of a start that goes on meanwhile', async () => {
    for (let round = 0; round < campaignSize(12); round++) {
      const made = newRoot()
      const entry = await made.peer(SLEEP)
      await launchPeer(made.root, entry)
      // The start waits for the stop, and goes on while the peer is removed.
      const removal = removeNamed(made.root, 'bob', { ...by, force: true })
      const stopped = until('the stop', async () => (await statusOf(made.root, BOB)).session === undefined)
      await stopped
      const started = await Promise.allSettled([launchPeer(made.root, entry), removal])
      expect(started[1].status).toBe('fulfilled')
      expect(await listSessions(made.root)).toEqual([])
      if (started[0].status === 'fulfilled') {
        const { server } = started[0].value.session
        await until(
          'its server to be gone',
          async () => (await identifyProcess(server.pid))?.token !== server.token,
        )
      }
      expect(await records(made)).toEqual([])
    }
  }, 60_000)

  it('keeps the peer when it cannot be stopped', async () => {
    const made = newRoot()
    const session = await startBob(made)
    // The stop fails: another server on its socket must not be stopped.
    const { rmSync } = await import('node:fs')
    rmSync(session.socketPath)
    const other = await startServer(session.socketPath)
    track(other.end)
    await expect(removeNamed(made.root, 'bob', { ...by, force: true })).rejects.toMatchObject({
      code: 'foreign-server',
    })
    expect(await listPeers(made.root)).toHaveLength(1)
    expect((await statusOf(made.root, BOB)).session).toEqual(session)
  })
})
