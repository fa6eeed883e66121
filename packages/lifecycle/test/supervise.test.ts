import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generationPaths, listCanaries } from '@iapeer/canary'
import { toIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { formatProcessId, identifyProcess } from '@iapeer/core/process'
import { type PeerEntry, updatePeer } from '@iapeer/core/registry'
import { campaignCases, isFullCampaign, run, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  FleetSupervisor,
  fleetView,
  launchPeer,
  listSessions,
  peerView,
  readEvents,
  renameNamed,
  resetNamed,
  statusOf,
  stopPeer,
  wakeOrSpawn,
} from '../src/index.ts'
import { readTally } from '../src/sessions/index.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('command-bob')
const SLEEP = ['sleep', '1000']

async function supervise(root: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const errors: string[] = []
  const supervisor = new FleetSupervisor(root, {
    env: { ...process.env, ...env },
    random: () => 0,
    onError: (what, error) => errors.push(`${what}: ${error instanceof Error ? error.stack : error}`),
  })
  await supervisor.start()
  track(() => supervisor.stop())
  return errors
}

const leaderOf = async ({ root }: TestRoot, identity = BOB): Promise<number> => {
  const { session } = await statusOf(root, identity)
  if (session === undefined) throw new Error(`${identity} does not run`)
  return session.leader.pid
}
const eventsOf = async (root: string, ev: string) =>
  (await readEvents(root)).events.filter((event) => event.ev === ev)

/** Creates a peer that the supervisor restarts whenever it has ended. */
async function keptAlive(testRoot: TestRoot, command: readonly string[], name = 'bob'): Promise<PeerEntry> {
  const entry = await testRoot.peer(command, name)
  await updatePeer(testRoot.root, name, { wakePolicy: 'keep-alive' })
  return entry
}

describe('a supervised peer', () => {
  it('that dies is settled within seconds, notified once, and not restarted', async () => {
    const testRoot = newRoot()
    const { root, path } = testRoot
    const notified = join(path, 'notified')
    mkdirSync(join(root, 'hooks'), { recursive: true })
    writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >> '${notified}'\n`, { mode: 0o700 })
    const errors = await supervise(root)
    await launchPeer(root, await testRoot.peer(SLEEP))
    process.kill(await leaderOf(testRoot), 'SIGKILL')
    await until('the death to be settled', async () => (await listSessions(root)).length === 0)
    const died = await until('its event', async () => {
      const events = await eventsOf(root, 'death')
      return events.length > 0 ? events : undefined
    })
    expect(died).toMatchObject([{ identity: BOB, event: 'session-exit' }])
    await until(
      'the notification',
      () => existsSync(notified) && readFileSync(notified, 'utf8').endsWith('\n'),
    )
    const [line = '', ...more] = readFileSync(notified, 'utf8').trimEnd().split('\n')
    expect(more).toEqual([])
    expect(JSON.parse(line)).toMatchObject({
      kind: 'death',
      verdict: 'killed-by-signal',
      deaths: [{ identity: BOB }],
    })
    expect(await eventsOf(root, 'verdict')).toHaveLength(1)
    expect((await statusOf(root, BOB)).state).toBe('failed')
    expect(errors).toEqual([])
  })

  it.runIf(isFullCampaign())(
    'that dies is counted once, by its cause; the next supervisor counts from 0',
    async () => {
      const testRoot = newRoot()
      const { root } = testRoot
      const started = async () => {
        const supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_TICK_SECS: '0.5' } })
        await supervisor.start()
        track(() => supervisor.stop())
        return supervisor
      }
      const first = await started()
      const { session } = await launchPeer(root, await testRoot.peer(SLEEP))
      await launchPeer(root, await testRoot.peer(SLEEP, 'ann'))
      process.kill(session.server.pid, 'SIGKILL')
      process.kill(await leaderOf(testRoot, toIdentity('command-ann')), 'SIGKILL')
      await until('both to be counted', () => Object.keys(first.deathCounts()).length === 2, 15_000)
      expect(first.deathCounts()).toEqual({ killed: 1, 'session-exit': 1 })
      await first.stop()
      const next = await started()
      await until('some ticks', () => next.stats().tick.count > 2)
      expect(next.deathCounts()).toEqual({})
    },
    30_000,
  )

  it.runIf(isFullCampaign())(
    'that fails again and again is notified once, as given up, with the reason on its screen',
    async () => {
      const testRoot = newRoot()
      const { root, path } = testRoot
      const notified = join(path, 'notified')
      mkdirSync(join(root, 'hooks'), { recursive: true })
      writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >> '${notified}'\n`, { mode: 0o700 })
      const entry = await keptAlive(testRoot, [
        'sh',
        '-c',
        'sleep 0.3; echo "Error: API key expired (401)"; sleep 0.7; exit 1',
      ])
      const errors = await supervise(root)
      await launchPeer(root, entry)
      await until(
        'the notification',
        () => existsSync(notified) && readFileSync(notified, 'utf8').endsWith('\n'),
        40_000,
      )
      const [line = '', ...more] = readFileSync(notified, 'utf8').trimEnd().split('\n')
      expect(more).toEqual([])
      expect(JSON.parse(line)).toMatchObject({
        kind: 'gave-up',
        identity: BOB,
        next: 'not restarted: 3 deaths in 5 min',
        lastLine: 'Error: API key expired (401)',
        verdict: 'agent-failed',
      })
      const { endings } = await readTally(root, BOB)
      expect(endings.map(({ next, attempt, attempts }) => [next, attempt, attempts])).toEqual([
        ['start', 1, 2],
        ['start', 2, 2],
        ['crash-loop', undefined, undefined],
      ])
      expect(errors).toEqual([])
    },
    60_000,
  )

  it('that is kept alive is restarted, but not in a crash loop until it is reset', async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    const errors = await supervise(root)
    const entry = await keptAlive(testRoot, ['sh', '-c', 'sleep 0.3; exit 3'])
    await launchPeer(root, entry)
    await until('the crash loop', async () => (await statusOf(root, BOB)).state === 'crash-loop', 30_000)
    expect(testRoot.deaths()).toHaveLength(3)
    await expect(launchPeer(root, entry)).rejects.toMatchObject({ code: 'crash-loop' })
    await expect(wakeOrSpawn(root, entry, { from: 'agent' })).rejects.toMatchObject({ code: 'wake-refused' })
    expect(await resetNamed(root, 'bob')).toEqual({ state: 'reset' })
    expect((await launchPeer(root, entry)).state).toBe('launched')
    await stopPeer(root, BOB, { by: 'a test' })
    expect(errors).toEqual([])
  }, 60_000)

  it.each(
    campaignCases([
      ['exits at once', ['sh', '-c', 'exit 3']],
      ['exits after its start', ['sh', '-c', 'sleep 0.3; exit 3']],
    ]),
  )(
    'whose program %s is counted once for each start',
    async (_when, command) => {
      const testRoot = newRoot()
      const { root } = testRoot
      const errors = await supervise(root)
      const entry = await keptAlive(testRoot, command)
      // On a busy system the program exits before or after the launch has returned.
      await launchPeer(root, entry).catch((error) => expect(error).toMatchObject({ code: 'program-ended' }))
      await until('the crash loop', async () => (await statusOf(root, BOB)).state === 'crash-loop', 30_000)
      await until('the last end', async () => (await listSessions(root)).length === 0)
      const { endings } = await readTally(root, BOB)
      expect(endings.map(({ gen, crash, death }) => ({ gen, crash, death }))).toEqual(
        testRoot.deaths().map(({ gen }) => ({ gen, crash: true, death: true })),
      )
      expect(endings.map(({ next }) => next)).toEqual(['start', 'start', 'crash-loop'])
      expect(errors).toEqual([])
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'whose program exits at once with code 0 ends in a crash loop too',
    async () => {
      const testRoot = newRoot()
      const { root } = testRoot
      const errors = await supervise(root)
      const entry = await keptAlive(testRoot, ['true'])
      await launchPeer(root, entry).catch((error) => expect(error).toMatchObject({ code: 'program-ended' }))
      await until('the crash loop', async () => (await statusOf(root, BOB)).state === 'crash-loop', 30_000)
      expect(errors).toEqual([])
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'that waits for its restart does not run, and its view has the time of the restart',
    async () => {
      const testRoot = newRoot()
      const { root } = testRoot
      await supervise(root, { IAPEER_CRASHLOOP_MAX: '20' })
      await launchPeer(root, await keptAlive(testRoot, ['sh', '-c', 'sleep 0.3; exit 3']))
      const pending = await until(
        'a longer wait',
        async () => {
          const view = await peerView(root, 'bob')
          return (view.restarts ?? 0) >= 3 && view.nextStartAt !== undefined ? view : undefined
        },
        30_000,
      )
      expect(pending).toMatchObject({ state: 'failed', identity: BOB })
      expect(pending.nextStartAt).toBe((await statusOf(root, BOB)).tally.startAt)
      const back = await until('the peer to run', async () => {
        const view = await peerView(root, 'bob')
        return view.state === 'running' ? view : undefined
      })
      expect(back.nextStartAt).toBeUndefined()
      expect(Date.parse(back.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(pending.nextStartAt ?? ''))
      await stopPeer(root, BOB, { by: 'a test' })
      const stopped = await peerView(root, 'bob')
      expect([stopped.state, stopped.nextStartAt]).toEqual(['stopped', undefined])
    },
    60_000,
  )

  it('whose recorder is killed gets another recorder', async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    await supervise(root, { IAPEER_TICK_SECS: '0.5' })
    await launchPeer(root, await testRoot.peer(SLEEP))
    const location = rootRecordLocation(root)
    const [guard] = await listCanaries(location)
    process.kill(guard?.recorderPid ?? Number.NaN, 'SIGKILL')
    await until('a watch', async () =>
      (await listCanaries(location)).some(({ mode, state }) => mode === 'watch' && state === 'armed'),
    )
    await until('the event', async () =>
      (await eventsOf(root, 'supervise')).some(
        ({ action, state, origin }) => action === 'canary' && state === 'spawned' && origin === 'retrofit',
      ),
    )
    await stopPeer(root, BOB, { by: 'a test' })
  })

  it('whose recorder is gone gets another recorder, even if another process has its pid now', async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    await launchPeer(root, await testRoot.peer(SLEEP))
    const location = rootRecordLocation(root)
    const [guard] = await listCanaries(location)
    if (guard === undefined) throw new Error('the peer has no guard')
    const recorder = await identifyProcess(guard.recorderPid)
    process.kill(guard.recorderPid, 'SIGKILL')
    await until('the recorder to be lost', async () => (await listCanaries(location))[0]?.state === 'lost')
    const state = join(root, 'state', 'canary', `${guard.recordedAs}-${guard.gen}`)
    const text = readFileSync(state, 'utf8')
    // The test process takes the role of the process that got the pid.
    writeFileSync(state, text.replace(/^recorder=.*$/m, `recorder=${process.pid}:${recorder?.token}`))
    await supervise(root, { IAPEER_TICK_SECS: '0.5' })
    await until('a watch', async () =>
      (await listCanaries(location)).some(({ mode, state: now }) => mode === 'watch' && now === 'armed'),
    )
    await stopPeer(root, BOB, { by: 'a test' })
  })

  it('is listed with its recorder: its guard, none after the guard was killed, then the watch that replaces it', async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    await launchPeer(root, await testRoot.peer(SLEEP))
    const canary = async () => [(await fleetView(root))[0]?.canary, (await peerView(root, 'bob')).canary]
    expect(await canary()).toEqual(['guard', 'guard'])
    const [guard] = await listCanaries(rootRecordLocation(root))
    process.kill(guard?.recorderPid ?? Number.NaN, 'SIGKILL')
    await until('no recorder', async () => (await canary()).join() === 'none,none')
    await supervise(root, { IAPEER_TICK_SECS: '0.5' })
    await until('a watch', async () => (await canary()).join() === 'watch,watch')
    await stopPeer(root, BOB, { by: 'a test' })
    expect(await canary()).toEqual([undefined, undefined])
  })

  it.runIf(isFullCampaign())(
    'whose server is stopped is unresponsive and does not delay other peers',
    async () => {
      const testRoot = newRoot()
      const { root } = testRoot
      await supervise(root, { IAPEER_TICK_SECS: '0.5' })
      const { session } = await launchPeer(root, await testRoot.peer(SLEEP))
      await launchPeer(root, await keptAlive(testRoot, SLEEP, 'ann'))
      process.kill(session.server.pid, 'SIGSTOP')
      try {
        await until(
          'the state to be unresponsive',
          async () => (await statusOf(root, BOB)).state === 'unresponsive',
        )
        const ann = toIdentity('command-ann')
        const before = await leaderOf(testRoot, ann)
        process.kill(before, 'SIGKILL')
        await until('the other peer to run again', async () => {
          const now = (await statusOf(root, ann)).session
          return now !== undefined && now.leader.pid !== before
        })
      } finally {
        process.kill(session.server.pid, 'SIGCONT')
      }
      await until('the server to respond', async () =>
        (await eventsOf(root, 'supervise')).some(({ action }) => action === 'responsive'),
      )
      for (const name of ['command-bob', 'command-ann'])
        await stopPeer(root, toIdentity(name), { by: 'a test' })
    },
    30_000,
  )

  it.runIf(isFullCampaign())(
    'that is idle is suspended, and an ephemeral peer that is done is reaped, without a death record',
    async () => {
      const testRoot = newRoot()
      const { root, deaths } = testRoot
      const entry = await testRoot.peer(SLEEP)
      await updatePeer(root, 'bob', { idleSecs: 1 })
      const eva = await testRoot.peer(SLEEP, 'eva')
      await updatePeer(root, 'eva', { wakePolicy: 'ephemeral' })
      await supervise(root, { IAPEER_TICK_SECS: '0.5', IAPEER_EPHEMERAL_UNARMED_IDLE_SECS: '1' })
      await launchPeer(root, entry)
      await launchPeer(root, eva)
      await until('both to be stopped', async () => (await listSessions(root)).length === 0)
      expect(deaths()).toEqual([])
      const wanted = ['command-bob suspend', 'command-eva reap']
      await until('both events', async () => {
        const done = (await eventsOf(root, 'supervise')).map(
          ({ identity, action }) => `${identity} ${action}`,
        )
        return wanted.every((one) => done.includes(one))
      })
      expect((await fleetView(root)).find(({ personality }) => personality === 'bob')).toMatchObject({
        state: 'suspended',
        since: expect.any(String),
      })
      // A command has no conversation to resume, so it starts fresh.
      expect(await wakeOrSpawn(root, entry, { from: 'human' })).toMatchObject({
        state: 'launched',
        mode: 'fresh',
      })
    },
  )

  it('several that one script kills are one incident, which does not count towards a crash loop', async () => {
    const testRoot = newRoot()
    const { root, path } = testRoot
    const notified = join(path, 'notified')
    mkdirSync(join(root, 'hooks'), { recursive: true })
    writeFileSync(join(root, 'hooks', 'on-death'), `#!/bin/sh\ncat >> '${notified}'\n`, { mode: 0o700 })
    await supervise(root)
    const sockets: string[] = []
    for (const name of ['bob', 'ann', 'eva'])
      sockets.push((await launchPeer(root, await testRoot.peer(SLEEP, name))).session.socketPath)
    const script = join(path, 'cleanup.sh')
    writeFileSync(script, `#!/bin/sh\nfor s in "$@"; do tmux -S "$s" kill-server; done\n`, { mode: 0o700 })
    await run(script, sockets)
    await until(
      'the notification',
      () => existsSync(notified) && readFileSync(notified, 'utf8').endsWith('\n'),
      15_000,
    )
    const lines = readFileSync(notified, 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ kind: 'incident', verdict: 'killed-by-command' })
    await until('the incident to be in the tally', async () => {
      const [ending] = (await statusOf(root, BOB)).tally.endings
      return ending?.crash === true && ending.incident?.startsWith('incident-') === true
    })
  }, 30_000)
})

it.runIf(isFullCampaign())(
  'a directory in the place of a state file and an unreadable profile of one peer do not affect the others',
  async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    await launchPeer(root, await keptAlive(testRoot, SLEEP))
    await launchPeer(root, await testRoot.peer(SLEEP, 'ann'))
    for (const name of ['command-zz.session', 'command-yy.tally'])
      mkdirSync(join(root, 'state', 'lifecycle', name))
    writeFileSync(join(root, 'peers', 'ann', '.iapeer', 'peer-profile.json'), '{')
    await supervise(root, { IAPEER_TICK_SECS: '0.5' })
    const ann = toIdentity('command-ann')
    process.kill(await leaderOf(testRoot, ann), 'SIGKILL')
    const before = await leaderOf(testRoot)
    process.kill(before, 'SIGKILL')
    await until('the first peer to run again', async () => {
      const { session } = await statusOf(root, BOB)
      return session !== undefined && session.leader.pid !== before
    })
    await until(
      'the other death to be settled',
      async () => (await statusOf(root, ann)).tally.endings.length === 1,
    )
  },
)

it('a death is settled while the registry is unreadable, and the restart waits for the registry', async () => {
  const testRoot = newRoot()
  const { root } = testRoot
  await launchPeer(root, await keptAlive(testRoot, SLEEP))
  const registry = join(root, 'peers-profiles.json')
  const whole = readFileSync(registry)
  writeFileSync(registry, '{')
  const supervisor = await supervise(root, { IAPEER_TICK_SECS: '0.5' })
  process.kill(await leaderOf(testRoot), 'SIGKILL')
  const { tally } = await until('the death to be settled', async () => {
    const status = await statusOf(root, BOB)
    return status.tally.endings.length === 1 ? status : undefined
  })
  expect(tally.startAt).toBeDefined()
  expect(testRoot.deaths()).toHaveLength(1)
  await until('more attempts', () => supervisor.filter((error) => error.includes('registry')).length > 2)
  expect((await statusOf(root, BOB)).tally).toMatchObject({
    startAt: tally.startAt,
    endings: [{ death: true }],
  })
  writeFileSync(registry, whole)
  await until('the peer to run again', async () => (await statusOf(root, BOB)).state === 'running')
}, 20_000)

it.runIf(isFullCampaign())(
  'the planned restart of a peer happens under its new name',
  async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    await launchPeer(root, await keptAlive(testRoot, SLEEP))
    const first = new FleetSupervisor(root, { random: () => 1 })
    await first.start()
    process.kill(await leaderOf(testRoot), 'SIGKILL')
    const { tally } = await until('the plan', async () => {
      const status = await statusOf(root, BOB)
      return status.tally.startAt === undefined ? undefined : status
    })
    await first.stop()
    const eva = toIdentity('command-eva')
    await renameNamed(root, 'bob', toPersonality('eva'))
    const endings = tally.endings.map((one) => ({ ...one, recordedAs: BOB }))
    expect((await statusOf(root, eva)).tally).toEqual({ ...tally, endings })
    expect((await statusOf(root, BOB)).tally.endings).toEqual([])
    await supervise(root)
    await until('the peer to run', async () => (await statusOf(root, eva)).state === 'running')
    await stopPeer(root, eva, { by: 'a test' })
  },
  20_000,
)

it('temporary files of killed writers are removed', async () => {
  const testRoot = newRoot()
  await testRoot.peer(SLEEP)
  const directory = join(testRoot.root, 'state', 'lifecycle')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [stale, young, used] = [99_999_999, 99_999_998, process.pid].map((pid) =>
    join(directory, `command-bob.tally.${pid}.x1.tmp`),
  )
  for (const path of [stale, young, used]) writeFileSync(path ?? '', '')
  for (const path of [stale, used]) utimesSync(path ?? '', 1, 1)
  const deaths = join(testRoot.root, 'logs', 'iapeer', 'server-deaths')
  mkdirSync(deaths, { recursive: true, mode: 0o700 })
  const addendum = join(deaths, 'command-bob-0123456789abcdef.addendum.99999999.x1.tmp')
  writeFileSync(addendum, '')
  utimesSync(addendum, 1, 1)
  await supervise(testRoot.root)
  await until('both to be removed', () => !existsSync(stale ?? '') && !existsSync(addendum))
  expect([existsSync(young ?? ''), existsSync(used ?? '')]).toEqual([true, true])
})

it.runIf(isFullCampaign())(
  'a host shutdown that the recorder noticed counts as a reboot, not as a crash',
  async () => {
    const testRoot = newRoot()
    const { root } = testRoot
    const entry = await testRoot.peer(SLEEP)
    await updatePeer(root, 'bob', { afterReboot: 'restart' })
    const { session } = await launchPeer(root, entry)
    const location = rootRecordLocation(root)
    const [guard] = await listCanaries(location)
    const recorder = await identifyProcess(guard?.recorderPid ?? Number.NaN)
    if (recorder === undefined || guard === undefined) throw new Error('the peer has no guard')
    // The state that a guard leaves if it has noticed the shutdown and is killed before it writes its line.
    process.kill(recorder.pid, 'SIGKILL')
    const facts = `rc=0,ev=server,rec=${formatProcessId(recorder)},ts=${Date.now()},m=g,c=hs`
    symlinkSync(facts, generationPaths({ identity: BOB, gen: guard.gen, ...location }).claim)
    process.kill(session.server.pid, 'SIGKILL')
    await supervise(root)
    const back = await until('the peer to run again', async () => {
      const { session: now, tally } = await statusOf(root, BOB)
      return now !== undefined && now.gen !== guard.gen && now.readyAt !== undefined ? tally : undefined
    })
    expect(back).toMatchObject({ lastEnd: 'reboot', endings: [{ crash: false, death: true }] })
    await until('its record', () => testRoot.deaths().length === 1)
    expect(testRoot.deaths()).toMatchObject([{ cause: 'host-shutdown' }])
    await stopPeer(root, BOB, { by: 'a test' })
  },
  30_000,
)

it('a due restart is cancelled if the peer was stopped or its restart was replanned', async () => {
  const testRoot = newRoot()
  const { root } = testRoot
  const entry = await testRoot.peer(SLEEP)
  await stopPeer(root, BOB, { by: 'a test' })
  await expect(launchPeer(root, entry, { due: new Date().toISOString() })).rejects.toMatchObject({
    code: 'not-due',
  })
  expect((await statusOf(root, BOB)).state).toBe('stopped')
})

it('socket files of dead servers are removed, and those of running servers are not', async () => {
  const testRoot = newRoot()
  const { root, path } = testRoot
  const { session } = await launchPeer(root, await testRoot.peer(SLEEP))
  const stray = join(root, 'run', 'tmux-iap-command-gone.sock')
  const dead = await startServer(stray)
  await dead.end()
  const foreign = await startServer(join(root, 'run', 'tmux-iap-command-mine.sock'))
  track(foreign.end)
  expect([existsSync(stray), existsSync(path)]).toEqual([true, true])
  await supervise(root, { IAPEER_TICK_SECS: '0.5' })
  await until('the socket to be removed', () => !existsSync(stray))
  expect([existsSync(session.socketPath), existsSync(foreign.socketPath)]).toEqual([true, true])
})

it.runIf(isFullCampaign())(
  'a supervisor that is killed repeatedly misses no death and counts none twice',
  async () => {
    const testRoot = newRoot()
    const { root, deaths } = testRoot
    const names = Array.from({ length: 8 }, (_none, at) => `p${at}`)
    const entries = await Promise.all(names.map((name) => testRoot.peer(SLEEP, name)))
    await Promise.all(entries.map((entry) => launchPeer(root, entry, { runtime: toRuntime('command') })))
    const script = fileURLToPath(new URL('fixtures/supervise.mjs', import.meta.url))
    let child: ChildProcess | undefined
    track(() => child?.kill('SIGKILL'))
    const start = (): void => {
      const env = { ...process.env, IAPEER_TICK_SECS: '0.3' }
      child = spawn(process.execPath, [script, root], { stdio: ['ignore', 'ignore', 'inherit'], env })
    }
    start()
    for (const [at, { identity, leader, server }] of (await listSessions(root)).entries()) {
      process.kill(at % 2 === 0 ? leader.pid : server.pid, 'SIGKILL')
      expect(identity).toMatch(/^command-p/)
      for (let kill = 0; kill < 3; kill++) {
        await new Promise((resolve) => setTimeout(resolve, 40 + 90 * kill))
        child?.kill('SIGKILL')
        start()
      }
    }
    await until('all deaths to be settled', async () => (await listSessions(root)).length === 0, 40_000)
    expect(
      deaths()
        .map((death) => death['identity'])
        .sort(),
    ).toEqual(names.map((name) => `command-${name}`))
    for (const name of names) {
      const { tally } = await statusOf(root, toIdentity(`command-${name}`))
      expect(tally.endings).toHaveLength(1)
    }
  },
  90_000,
)
