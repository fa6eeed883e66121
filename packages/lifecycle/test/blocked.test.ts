import { spawn } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { acquireLock } from '@iapeer/core/storage'
import { serverAt, startServer, until } from '@iapeer/dev/testing'
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
  if (session === undefined) throw new Error('it is not enrolled')
  return session
}
const launchEvents = async ({ root }: TestRoot) =>
  (await readEvents(root)).events.filter(({ ev }) => ev === 'launch' || ev === 'blocked')

describe('a boot dialog', () => {
  it.each<readonly [string, readonly FakeMenu[], readonly string[]]>([
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
      'with the cursor behind what is wanted',
      [{ menu: { title: 'Trust?', options: ['Yes, I trust this folder', 'Not now', 'No, exit'], at: 2 } }],
      ['Up', 'Up'],
    ],
  ])('%s is answered with Yes', async (_kind, dialogs, moves) => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [...dialogs, READY])
    const { state, session } = await launchPeer(root.root, entry)
    expect([state, session.readyAt]).toEqual(['launched', expect.any(String)])
    expect(given().filter((line) => !line.startsWith('Enter'))).toEqual(moves)
    expect(given().filter((line) => line.startsWith('Enter'))).toEqual(
      dialogs.map(({ menu: { options } }) => `Enter on ${options.find((one) => one.startsWith('Yes'))}`),
    )
    await stopPeer(root.root, BOB, { by: 'a test' })
  })
})

describe('a launch that meets an unknown dialog', () => {
  it('is blocked, with what it shows; answered by a person it is finished, and its message given once', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [TRUST, UNKNOWN, BYPASS, READY], 'Good morning')
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
    // Nothing that can be done about it is done again.
    expect(await launchPeer(root.root, entry)).toMatchObject({ state: 'blocked', session })
    expect(await wakeOrSpawn(root.root, entry, { from: 'agent' })).toMatchObject({ state: 'live', session })
    expect(await finishLaunch(root.root, session)).toEqual(session)
    await pressKeys(session, 'y')
    await until('it to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
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

  it('is stopped in silence', async () => {
    const root = newRoot()
    const { entry } = await fakeAgent(root, [UNKNOWN, READY])
    const { session } = await launchPeer(root.root, entry, SHORT)
    expect(await stopPeer(root.root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
    expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
    expect((await statusOf(root.root, BOB)).state).toBe('stopped')
    expect(root.deaths()).toEqual([])
  })

  it('and then dies is recorded, once', async () => {
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

  it('gets no key while a person is attached', async () => {
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
    await until('it to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
    expect(given()).toEqual(['pressed y', 'Down', 'Enter on Yes, I trust this folder'])
    await stopPeer(root.root, BOB, { by: 'a test' })
  })

  it('keeps what a person has typed, and gives its message when that is sent', async () => {
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
    await until('it to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
    expect(given()).toEqual(['pressed y', 'sent my own', 'sent Good morning'])
    await stopPeer(root.root, BOB, { by: 'a test' })
  })
})

describe('a launcher that waits at an unknown dialog', () => {
  it('shows the peer as blocked; killed, it leaves it up, and the next command finishes the launch', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
    const script = `import('${new URL('../dist/index.js', import.meta.url).href}').then(({ launchPeer }) =>
      launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)}))`
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
    const ended = new Promise((resolve) => launcher.once('exit', resolve))
    track(async () => {
      launcher.kill('SIGKILL')
      await ended
    })
    await until('it to be blocked', async () => (await statusOf(root.root, BOB)).state === 'blocked', 20_000)
    const { gen } = await sessionOf(root)
    const other = { state: 'blocked', gen, screen: 'The moon is full.\nHowl? (y)' }
    expect(await startNamed(root.root, 'bob', { timeoutMs: 100 })).toMatchObject(other)
    launcher.kill('SIGKILL')
    await ended
    expect(await startNamed(root.root, 'bob', { timeoutMs: 600 })).toMatchObject(other)
    await pressKeys(await sessionOf(root), 'y')
    expect(await startNamed(root.root, 'bob', {})).toMatchObject({ state: 'launched', gen })
    expect(given()).toEqual(['pressed y', 'sent Good morning'])
    await stopPeer(root.root, BOB, { by: 'a test' })
    expect(root.deaths()).toEqual([])
  }, 60_000)
})

describe('start', () => {
  it('says that another process is at a peer, and not to remove its lock', async () => {
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

  it('waits for a launch that is blocked, and tells when a person has answered it', async () => {
    const root = newRoot()
    const { given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
    const first = await startNamed(root.root, 'bob', { timeoutMs: 2_000 })
    expect(first).toMatchObject({ state: 'blocked', screen: 'The moon is full.\nHowl? (y)' })
    const again = await startNamed(root.root, 'bob', { timeoutMs: 600 })
    expect(again).toEqual(first)
    const waiting = startNamed(root.root, 'bob', { timeoutMs: 20_000 })
    await pressKeys(await sessionOf(root), 'y')
    expect(await waiting).toMatchObject({ state: 'launched', gen: first.gen })
    expect(given()).toEqual(['pressed y', 'sent Good morning'])
    await stopPeer(root.root, BOB, { by: 'a test' })
  })

  it('that is called off while it waits leaves the peer as it is, and is over at once when that is stopped', async () => {
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
    await until('it to look', () => lstatSync(lock, { throwIfNoEntry: false }) !== undefined)
    await stopPeer(root.root, BOB, { by: 'a test' })
    await refused
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  it('says at once what only a person can answer, each time', async () => {
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

/** Runs what imports the built library in a process of its own, which can be killed. */
function inProcess(code: string) {
  const library = new URL('../dist/index.js', import.meta.url).href
  const script = `import * as lifecycle from ${JSON.stringify(library)}\n${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  track(() => child.kill('SIGKILL'))
  return {
    kill: async (): Promise<void> => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

describe('a process that is killed over it', () => {
  it('when its launch is blocked leaves it blocked, for the next command to finish', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
    const launcher = inProcess(
      `await lifecycle.launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)}, { bootTimeoutMs: 1500 })
       await new Promise((resolve) => setTimeout(resolve, 60000))`,
    )
    const session = await until('it to be blocked', async () => {
      const now = await readSession(root.root, BOB)
      return now?.blocked === undefined ? undefined : now
    })
    await launcher.kill()
    expect(await launchPeer(root.root, entry)).toMatchObject({
      state: 'blocked',
      session: { gen: session.gen },
    })
    await pressKeys(session, 'y')
    await until('it to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
    expect(given()).toEqual(['pressed y', 'sent Good morning'])
    await stopPeer(root.root, BOB, { by: 'a test' })
    expect(root.deaths()).toEqual([])
  })

  it('before it is blocked leaves nothing of it to the next launch', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
    const launcher = inProcess(
      `await lifecycle.launchPeer(${JSON.stringify(root.root)}, ${JSON.stringify(entry)})`,
    )
    const half = await until('the session', () => readSession(root.root, BOB))
    await launcher.kill()
    const { state, session } = await launchPeer(root.root, entry, SHORT)
    expect([state, session.gen === half.gen]).toEqual(['blocked', false])
    expect(given()).toEqual([])
    await stopPeer(root.root, BOB, { by: 'a test' })
    expect(root.deaths()).toEqual([])
  })

  /** A finisher is killed as soon as it has begun to type. */
  async function cutOff(root: TestRoot, session: PeerSession): Promise<void> {
    const finisher = inProcess(
      `await lifecycle.finishLaunch(${JSON.stringify(root.root)}, ${JSON.stringify(session)})`,
    )
    await until('its note', async () => (await readSession(root.root, BOB))?.blocked?.typedAt, 20_000)
    await until('the text', () => textIn(session, 'Good morning'), 2_000).catch(() => undefined)
    await finisher.kill()
  }
  const textIn = async ({ socketPath, server, paneId }: PeerSession, text: string): Promise<boolean> =>
    (await serverAt(socketPath, server.pid).tmux('capture-pane', '-p', '-t', paneId)).stdout.includes(text)

  it('while it types the message has it sent by the next one, if it stands there', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, { input: { eats: 1 } }], 'Good morning')
    const { session } = await launchPeer(root.root, entry, SHORT)
    await pressKeys(session, 'y')
    await cutOff(root, session)
    await until('it to be ready', async () => (await finishLaunch(root.root, session))?.readyAt, 20_000)
    expect(given()).toEqual(['pressed y', 'sent Good morning'])
    await stopPeer(root.root, BOB, { by: 'a test' })
  })

  it('while it types the message has it not typed again where it is gone, and says that nothing is known', async () => {
    const root = newRoot()
    const { entry, given } = await fakeAgent(root, [UNKNOWN, { input: { drops: true } }], 'Good morning')
    const { session } = await launchPeer(root.root, entry, SHORT)
    await pressKeys(session, 'y')
    await cutOff(root, session)
    await until('it to be ready', async () => (await finishLaunch(root.root, session))?.readyAt)
    expect(given()).toEqual(['pressed y'])
    expect(await launchEvents(root)).toMatchObject([{ ev: 'blocked' }, { ev: 'launch', message: 'unknown' }])
    await stopPeer(root.root, BOB, { by: 'a test' })
  })
})

it('iapeer run holds a blocked peer, finishes its launch, and stops it without a record', async () => {
  const root = newRoot()
  const { entry, given } = await fakeAgent(root, [UNKNOWN, READY], 'Good morning')
  const asked = new AbortController()
  const seen: PeerSession[] = []
  const running = runPeer(root.root, entry, {
    ...SHORT,
    signal: asked.signal,
    onRunning: (session) => seen.push(session),
    stop: { by: 'a test' },
  })
  const [session] = await until('it to be blocked', () => (seen.length === 1 ? seen : undefined))
  if (session === undefined) throw new Error('no session')
  expect(session.blocked?.screen).toContain('Howl?')
  expect((await statusOf(root.root, BOB)).state).toBe('blocked')
  await pressKeys(session, 'y')
  await until('it to be up', () => seen.length === 2)
  expect(seen[1]).toMatchObject({ gen: session.gen, readyAt: expect.any(String) })
  expect((await statusOf(root.root, BOB)).state).toBe('managed')
  expect(given()).toEqual(['pressed y', 'sent Good morning'])
  asked.abort()
  expect(await running).toBe('stopped')
  expect(root.deaths()).toEqual([])
})

it('a session file of commit 8db4440 is read as before: ready, or cut off in its boot', async () => {
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
  expect(await readSession(root.root, BOB)).toEqual(session)
  expect(await launchPeer(root.root, entry)).toMatchObject({ state: 'already', session: { gen } })
  const { readyAt: _ready, ...half } = old
  writeFileSync(path, `${JSON.stringify(half)}\n`)
  const after = await launchPeer(root.root, entry)
  expect([after.state, after.session.gen === gen]).toEqual(['launched', false])
  // What an earlier version of iapeer does not know, it keeps to itself: the fields that it reads have not changed.
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
