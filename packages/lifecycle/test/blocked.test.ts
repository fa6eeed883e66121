import { spawn } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { updatePeer } from '@iapeer/core/registry'
import { acquireLock } from '@iapeer/core/storage'
import { campaignCases, isFullCampaign, serverAt, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import {
  finishLaunch,
  finishLaunches,
  finishSessions,
  launchPeer,
  type PeerSession,
  peerView,
  readEvents,
  readSession,
  runPeer,
  startNamed,
  statusOf,
  stopPeer,
  wakeOrSpawn,
} from '../src/index.ts'
import { BYPASS, type FakeMenu, fakeAgent, pressKeys, READY, TRUST, UNKNOWN } from './fake-agent.ts'
import { roots, type TestRoot } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('claude-bob')
const SHORT = { bootTimeoutMs: 1_500 }

const sessionOf = async ({ root }: TestRoot): Promise<PeerSession> => {
  const session = await readSession(root, BOB)
  if (session === undefined) throw new Error('the session is not enrolled')
  return session
}
const launchEvents = async ({ root }: TestRoot) =>
  (await readEvents(root)).events.filter(({ ev }) => ev === 'launch' || ev === 'blocked')

describe('a boot dialog', () => {
  it.each<readonly [string, readonly FakeMenu[], readonly string[]]>(
    campaignCases([
      ['without numbers, No first', [TRUST, BYPASS], ['Down', 'Down']],
      [
        'with numbers, Yes first',
        [
          { menu: { title: 'Trust?', options: ['Yes, I trust this folder', 'No, exit'], numbered: true } },
          { menu: { title: 'WARNING', options: ['No, exit', 'Yes, I accept'], numbered: true } },
        ],
        ['Down'],
      ],
      [
        'with the cursor after the wanted option',
        [{ menu: { title: 'Trust?', options: ['Yes, I trust this folder', 'Not now', 'No, exit'], at: 2 } }],
        ['Up', 'Up'],
      ],
    ]),
  )('%s is answered with Yes', async (_kind, dialogs, moves) => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [...dialogs, READY])
    await updatePeer(root.root, 'bob', { permissions: 'skip' })
    const { state, session } = await launchPeer(root.root, entry)
    expect([state, session.readyAt]).toEqual(['launched', expect.any(String)])
    expect(given().filter((line) => !line.startsWith('Enter'))).toEqual(moves)
    expect(given().filter((line) => line.startsWith('Enter'))).toEqual(
      dialogs.map(({ menu: { options } }) => `Enter on ${options.find((one) => one.startsWith('Yes'))}`),
    )
    await stopPeer(root.root, BOB, { by: 'a test' })
  })
})

describe('a launch with an unknown dialog', () => {
  it('is blocked with its screen; when a person has answered, the launch is finished and its message sent once', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [TRUST, UNKNOWN, BYPASS, READY], 'Good morning')
    await updatePeer(root.root, 'bob', { permissions: 'skip' })
    const { state, session } = await launchPeer(root.root, entry, SHORT)
    expect(state).toBe('blocked')
    expect(session.readyAt).toBeUndefined()
    expect(session.blocked).toMatchObject({ screen: 'The moon is full.\nHowl? (y)', typedAt: undefined })
    expect(await statusOf(root.root, BOB)).toMatchObject({ state: 'blocked', session })
    expect(await peerView(root.root, 'bob')).toMatchObject({
      state: 'blocked',
      blockedSince: session.blocked?.since,
      screen: 'The moon is full.\nHowl? (y)',
    })
    // Other calls return the blocked session and change nothing.
    expect(await launchPeer(root.root, entry)).toMatchObject({ state: 'blocked', session })
    expect(await wakeOrSpawn(root.root, entry, { from: 'agent' })).toMatchObject({ state: 'live', session })
    expect(await finishLaunch(root.root, session)).toEqual(session)
    await pressKeys(session, 'y')
    await until('the peer to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
    expect((await statusOf(root.root, BOB)).state).toBe('running')
    await finishLaunches(root.root)
    expect(given().slice(2)).toEqual(['pressed y', 'Down', 'Enter on Yes, I accept', 'sent Good morning'])
    expect(await launchEvents(root)).toMatchObject([
      { ev: 'blocked', gen: session.gen, mode: 'fresh' },
      { ev: 'launch', gen: session.gen, message: 'given' },
    ])
    expect(await sessionOf(root)).not.toHaveProperty('blocked.since')
    await stopPeer(root.root, BOB, { by: 'a test' })
    expect(root.deaths()).toEqual([])
  })

  it.runIf(isFullCampaign())('is stopped without a death record', async () => {
    const root = newRoot()
    const { entry } = await fakeAgent(root, [UNKNOWN, READY])
    const { session } = await launchPeer(root.root, entry, SHORT)
    expect(await stopPeer(root.root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect((await statusOf(root.root, BOB)).state).toBe('stopped')
    expect(root.deaths()).toEqual([])
  })

  it.runIf(isFullCampaign())('whose program then exits is recorded once', async () => {
    const root = newRoot()
    const { entry } = await fakeAgent(root, [UNKNOWN, { exit: 3 }])
    const { session } = await launchPeer(root.root, entry, SHORT)
    await pressKeys(session, 'y')
    await until('the record', async () => {
      await finishSessions(root.root)
      return root.deaths().length > 0
    })
    expect(await finishLaunch(root.root, session)).toBeUndefined()
    expect(root.deaths()).toMatchObject([{ ev: 'session-exit', dead_status: '3' }])
    expect((await statusOf(root.root, BOB)).state).toBe('not-running')
  })

  it.runIf(isFullCampaign())('gets no key while a client is attached', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, TRUST, READY])
    const { session } = await launchPeer(root.root, entry, SHORT)
    const outer = await startServer(
      join(root.path, 'outer'),
      `TMUX= exec tmux -S ${session.socketPath} attach`,
    )
    track(outer.end)
    const inner = serverAt(session.socketPath, session.server.pid)
    await until('the client', async () => (await inner.tmux('list-clients')).stdout !== '')
    await pressKeys(session, 'y')
    await until('the dialog', async () => {
      const now = await finishLaunch(root.root, session)
      return now?.blocked?.dialog === 'folder trust'
    })
    expect(given()).toEqual(['pressed y'])
    await outer.end()
    await until('the peer to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
    expect(given()).toEqual(['pressed y', 'Down', 'Enter on Yes, I trust this folder'])
    await stopPeer(root.root, BOB, { by: 'a test' })
  })

  it.runIf(isFullCampaign())(
    'keeps text that a person has typed, and sends its message after that text was sent',
    async () => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [UNKNOWN, { input: { text: 'my own' } }], 'Good morning')
      const { session } = await launchPeer(root.root, entry, SHORT)
      await pressKeys(session, 'y')
      await until(
        'the draft',
        async () => (await finishLaunch(root.root, session))?.blocked?.dialog === 'draft',
      )
      expect(given()).toEqual(['pressed y'])
      await pressKeys(session, 'Enter')
      await until('the peer to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
      expect(given()).toEqual(['pressed y', 'sent my own', 'sent Good morning'])
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
  )
})

describe('a launcher that waits at an unknown dialog', () => {
  it.runIf(isFullCampaign())(
    'shows the peer as blocked; if it is killed, the peer keeps running and the next command finishes the launch',
    async () => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
      const script = `import('${new URL('../dist/index.js', import.meta.url).href}').then(({ launchPeer }) =>
      launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)}))`
      const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
      const exited = new Promise((resolve) => launcher.once('exit', resolve))
      track(async () => {
        launcher.kill('SIGKILL')
        await exited
      })
      await until(
        'the peer to be blocked',
        async () => (await statusOf(root.root, BOB)).state === 'blocked',
        20_000,
      )
      const { gen } = await sessionOf(root)
      const blocked = { state: 'blocked', gen, screen: 'The moon is full.\nHowl? (y)' }
      expect(await startNamed(root.root, 'bob', { timeoutMs: 100 })).toMatchObject(blocked)
      launcher.kill('SIGKILL')
      await exited
      expect(await startNamed(root.root, 'bob', { timeoutMs: 600 })).toMatchObject(blocked)
      await pressKeys(await sessionOf(root), 'y')
      expect(await startNamed(root.root, 'bob', {})).toMatchObject({ state: 'launched', gen })
      expect(given()).toEqual(['pressed y', 'sent Good morning'])
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(root.deaths()).toEqual([])
    },
    60_000,
  )
})

describe('start', () => {
  it('reports the process that holds the lock of a peer, and does not advise to remove the lock', async () => {
    const root = newRoot()
    await fakeAgent(root, [READY])
    const directory = join(root.root, 'state', 'lifecycle')
    mkdirSync(directory, { recursive: true })
    const lock = await acquireLock(join(directory, `${BOB}.lock`))
    const refused = startNamed(root.root, 'bob', { timeoutMs: 10 })
    await expect(refused.finally(() => lock.release())).rejects.toMatchObject({
      code: 'lock-held',
      message: expect.stringMatching(/^process \d+ is starting or stopping claude-bob \(waited 2.01 s\)$/),
      hint: expect.not.stringContaining('remove'),
    })
  })

  it.runIf(isFullCampaign())(
    'waits for a blocked launch, and returns when a person has answered',
    async () => {
      const root = newRoot()
      const { given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
      const first = await startNamed(root.root, 'bob', { timeoutMs: 2_000 })
      expect(first).toMatchObject({ state: 'blocked', screen: 'The moon is full.\nHowl? (y)' })
      const again = await startNamed(root.root, 'bob', { timeoutMs: 600 })
      expect(again).toEqual({ ...first, warnings: [] })
      const waiting = startNamed(root.root, 'bob', { timeoutMs: 20_000 })
      await pressKeys(await sessionOf(root), 'y')
      expect(await waiting).toMatchObject({ state: 'launched', gen: first.gen })
      expect(given()).toEqual(['pressed y', 'sent Good morning'])
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
  )

  it.runIf(isFullCampaign())(
    'that is aborted while it waits leaves the peer blocked, and fails at once if the peer is stopped',
    async () => {
      const root = newRoot()
      await fakeAgent(root, [UNKNOWN, READY])
      await startNamed(root.root, 'bob', { timeoutMs: 1_500 })
      const asked = new AbortController()
      const waiting = startNamed(root.root, 'bob', { signal: asked.signal })
      asked.abort()
      await expect(waiting).rejects.toMatchObject({ code: 'interrupted' })
      expect((await statusOf(root.root, BOB)).state).toBe('blocked')
      const lock = join(root.root, 'state', 'lifecycle', 'claude-bob.lock')
      const started = performance.now()
      const other = startNamed(root.root, 'bob', {})
      const refused = expect(other).rejects.toMatchObject({ code: 'not-running' })
      await until('the call to take the lock', () => lstatSync(lock, { throwIfNoEntry: false }) !== undefined)
      await stopPeer(root.root, BOB, { by: 'a test' })
      await refused
      expect(performance.now() - started).toBeLessThan(10_000)
    },
  )

  it('returns at once, each time, for a dialog that only a person can answer', async () => {
    const root = newRoot()
    await fakeAgent(root, [
      {
        unknown: { lines: ['Do you want to use this API key?', '', '  Yes', '❯ No (recommended)'], key: 'y' },
      },
      READY,
    ])
    for (let round = 0; round < 2; round++) {
      const started = performance.now()
      expect(await startNamed(root.root, 'bob', {})).toMatchObject({
        state: 'blocked',
        dialog: 'API key',
        hint: expect.stringContaining('ANTHROPIC_API_KEY'),
      })
      expect(performance.now() - started).toBeLessThan(10_000)
    }
    await stopPeer(root.root, BOB, { by: 'a test' })
  })
})

/** Runs code that uses the built library in a process of its own, which can be killed. */
function inProcess(code: string) {
  const library = new URL('../dist/index.js', import.meta.url).href
  const script = `import * as lifecycle from ${JSON.stringify(library)}\n${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  track(() => child.kill('SIGKILL'))
  return {
    kill: async (): Promise<void> => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

describe('a process that is killed', () => {
  it.runIf(isFullCampaign())(
    'while its launch is blocked leaves the launch blocked, and the next command finishes it',
    async () => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
      const launcher = inProcess(
        `await lifecycle.launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)}, { bootTimeoutMs: 1500 })
       await new Promise((resolve) => setTimeout(resolve, 60000))`,
      )
      const session = await until('the peer to be blocked', async () => {
        const now = await readSession(root.root, BOB)
        return now?.blocked === undefined ? undefined : now
      })
      await launcher.kill()
      expect(await launchPeer(root.root, entry)).toMatchObject({
        state: 'blocked',
        session: { gen: session.gen },
      })
      await pressKeys(session, 'y')
      await until('the peer to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
      expect(given()).toEqual(['pressed y', 'sent Good morning'])
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(root.deaths()).toEqual([])
    },
  )

  it.runIf(isFullCampaign())(
    'before its launch is blocked leaves nothing behind for the next launch',
    async () => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
      const launcher = inProcess(
        `await lifecycle.launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)})`,
      )
      const interrupted = await until('the session', () => readSession(root.root, BOB))
      await launcher.kill()
      const { state, session } = await launchPeer(root.root, entry, SHORT)
      expect([state, session.gen === interrupted.gen]).toEqual(['blocked', false])
      expect(given()).toEqual([])
      await stopPeer(root.root, BOB, { by: 'a test' })
      expect(root.deaths()).toEqual([])
    },
  )

  /** Starts to finish a launch and kills that process as soon as it has started to type. */
  async function killWhileTyping(root: TestRoot, session: PeerSession): Promise<void> {
    const finisher = inProcess(
      `await lifecycle.finishLaunch(${JSON.stringify(root.root)}, ${JSON.stringify(session)})`,
    )
    await until('typedAt', async () => (await readSession(root.root, BOB))?.blocked?.typedAt, 20_000)
    await until('the text', () => textIn(session, 'Good morning'), 2_000).catch(() => undefined)
    await finisher.kill()
  }
  const textIn = async ({ socketPath, server, paneId }: PeerSession, text: string): Promise<boolean> =>
    (await serverAt(socketPath, server.pid).tmux('capture-pane', '-p', '-t', paneId)).stdout.includes(text)

  it.runIf(isFullCampaign())(
    'while it types the message: the next one sends the message if it is in the input row',
    async () => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [UNKNOWN, { input: { eats: 1 } }], 'Good morning')
      const { session } = await launchPeer(root.root, entry, SHORT)
      await pressKeys(session, 'y')
      await killWhileTyping(root, session)
      await until(
        'the peer to be ready',
        async () => (await finishLaunch(root.root, session))?.readyAt,
        20_000,
      )
      expect(given()).toEqual(['pressed y', 'sent Good morning'])
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
  )

  it.runIf(isFullCampaign())(
    'while it types the message: the next one does not type a missing message again, and reports it as unknown',
    async () => {
      const root = newRoot()
      const { entry, given } = await fakeAgent(root, [UNKNOWN, { input: { drops: true } }], 'Good morning')
      const { session } = await launchPeer(root.root, entry, SHORT)
      await pressKeys(session, 'y')
      await killWhileTyping(root, session)
      await until('the peer to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
      expect(given()).toEqual(['pressed y'])
      expect(await launchEvents(root)).toMatchObject([
        { ev: 'blocked' },
        { ev: 'launch', message: 'unknown' },
      ])
      await stopPeer(root.root, BOB, { by: 'a test' })
    },
  )
})

it.runIf(isFullCampaign())(
  'iapeer run holds a blocked peer, finishes its launch, and stops it without a death record',
  async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
    const asked = new AbortController()
    const sessions: PeerSession[] = []
    const running = runPeer(root.root, entry, {
      ...SHORT,
      signal: asked.signal,
      onRunning: (session) => sessions.push(session),
      stop: { by: 'a test' },
    })
    const [session] = await until('the peer to be blocked', () =>
      sessions.length === 1 ? sessions : undefined,
    )
    if (session === undefined) throw new Error('no session')
    expect(session.blocked?.screen).toContain('Howl?')
    expect((await statusOf(root.root, BOB)).state).toBe('blocked')
    await pressKeys(session, 'y')
    await until('the peer to be ready again', () => sessions.length === 2)
    expect(sessions[1]).toMatchObject({ gen: session.gen, readyAt: expect.any(String) })
    expect((await statusOf(root.root, BOB)).state).toBe('managed')
    expect(given()).toEqual(['pressed y', 'sent Good morning'])
    asked.abort()
    expect(await running).toBe('stopped')
    expect(root.deaths()).toEqual([])
  },
)

it('a session file of commit 8db4440 is read as before: ready, or interrupted in its boot', async () => {
  const root = newRoot()
  const { entry } = await fakeAgent(root, [READY])
  const { session } = await launchPeer(root.root, entry)
  const path = join(root.root, 'state', 'lifecycle', 'claude-bob.session')
  const { identity, gen, socketPath, server, leader, sessionId, paneId, startedAt, readyAt } = session
  const old = {
    ...{ schemaVersion: 1, identity, gen, socketPath, sessionId, paneId, startedAt, readyAt },
    server: `${server.pid}:${server.token}`,
    leader: `${leader.pid}:${leader.token}`,
  }
  writeFileSync(path, `${JSON.stringify(old)}\n`)
  const { mail: _mail, limits: _limits, uncontained: _why, conversation: _none, ...former } = session
  expect(await readSession(root.root, BOB)).toEqual(former)
  expect(await launchPeer(root.root, entry)).toMatchObject({ state: 'already', session: { gen } })
  const { readyAt: _ready, ...booting } = old
  writeFileSync(path, `${JSON.stringify(booting)}\n`)
  const after = await launchPeer(root.root, entry)
  expect([after.state, after.session.gen === gen]).toEqual(['launched', false])
  // Earlier versions ignore new fields; the fields that they read have not changed.
  expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')))).toEqual(
    expect.arrayContaining([
      'identity',
      'gen',
      'socketPath',
      'server',
      'leader',
      'sessionId',
      'paneId',
      'startedAt',
    ]),
  )
  await stopPeer(root.root, BOB, { by: 'a test' })
  expect(root.deaths()).toEqual([])
})
