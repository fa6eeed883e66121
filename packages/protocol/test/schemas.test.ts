import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer } from '@iapeer/core/registry'
import { asyncCleanups, privateDirectory, until } from '@iapeer/dev/testing'
import { deathView, deathViews } from '@iapeer/lifecycle/deaths'
import {
  fleetStatus,
  peerStatus,
  refreshNamed,
  renewNamed,
  resetNamed,
  settleFleet,
  startNamed,
  stopNamed,
  wakeNamed,
} from '@iapeer/lifecycle/fleet'
import { MUTE_CAUSES, TURN_SOURCES, TURN_STATES } from '@iapeer/lifecycle/sessions'
import { Durations } from '@iapeer/lifecycle/supervise'
import { expect, it } from 'vitest'
import { openApi } from '../src/openapi.ts'
import { ANSWERS, parseAs, ROUTES, versioned } from '../src/routes.ts'
import { turn } from '../src/schemas/turn.ts'

const track = asyncCleanups()

/** Creates a root with one peer. Everything that was launched is stopped after the test. */
async function rootWithBob(): Promise<string> {
  const directory = privateDirectory()
  const root = join(directory.path, 'root')
  track(directory.remove)
  const states = join(root, 'state', 'canary')
  track(() => until('the recorders to finish', () => !existsSync(states) || readdirSync(states).length === 0))
  track(() => stopNamed(root, 'bob', { by: 'a test', force: true }))
  await createPeer(root, {
    personality: toPersonality('bob'),
    defaultRuntime: toRuntime('command'),
    command: ['sleep', '1000'],
  })
  return root
}

type Schema = Parameters<typeof parseAs>[0]

/** Asserts that a schema accepts an answer and keeps every field of it. */
function accepts(schema: Schema, fields: object): void {
  const value: unknown = JSON.parse(JSON.stringify({ ...versioned, ...fields }))
  expect(parseAs(schema, value, 'the answer')).toEqual(value)
}

it.each([
  ['state', TURN_STATES],
  ['source', TURN_SOURCES],
  ['cause', MUTE_CAUSES],
] as const)('a turn can have each %s that the library knows', (field, words) => {
  for (const word of words) {
    const value = { state: 'mute', source: 'hook', seenAt: '2026-06-10T15:42:07.113Z', [field]: word }
    expect(parseAs(turn, value, 'the turn')).toEqual(value)
  }
})

it('the schemas match what the library returns for a peer, its launches and its deaths', async () => {
  const root = await rootWithBob()
  const by = 'a test'
  const peers = async (): Promise<void> => {
    accepts(ANSWERS.Fleet, { peers: await fleetStatus(root) })
    accepts(ANSWERS.Peer, await peerStatus(root, 'bob'))
  }
  const launched = (session: object): void =>
    accepts(ROUTES.start.answer, { action: 'start', peer: 'bob', session })
  const settled = (action: 'refresh' | 'wake' | 'reset', outcome: object): void =>
    accepts(ROUTES[action].answer, { action, peer: 'bob', outcome })
  const stopped = async (): Promise<void> =>
    accepts(ROUTES.stop.answer, {
      action: 'stop',
      peer: 'bob',
      sessions: await stopNamed(root, 'bob', { by }),
    })

  await peers()
  settled('refresh', await refreshNamed(root, 'bob', { by }))
  const { leaderPid, ...session } = await startNamed(root, 'bob', {})
  launched({ leaderPid, ...session })
  launched(await startNamed(root, 'bob', {}))
  await peers()
  process.kill(leaderPid, 'SIGKILL')
  const [death] = await until('its death', async () => {
    // tmux can miss the exit of a process: then settling records it.
    await settleFleet(root)
    const deaths = await deathViews(root)
    return deaths.length > 0 && deaths
  })
  accepts(ANSWERS.Deaths, { deaths: [death] })
  accepts(ANSWERS.Death, await deathView(root, death?.id ?? ''))
  expect(await peerStatus(root, 'bob')).toMatchObject({ shown: { word: 'dead' }, death: { id: death?.id } })
  await peers()
  settled('reset', await resetNamed(root, 'bob'))
  settled('wake', await wakeNamed(root, 'bob', { from: 'human' }))
  settled('wake', await wakeNamed(root, 'bob', { from: 'agent' }))
  settled('refresh', await refreshNamed(root, 'bob', { by }))
  launched(await renewNamed(root, 'bob', { by }))
  await stopped()
  await stopped()
  await peers()
}, 60_000)

it('the schema of the health matches the statistics of a supervisor', () => {
  const durations = new Durations()
  durations.observe(0.2)
  const lastSweepAt = new Date().toISOString()
  const stats = durations.stats()
  accepts(ANSWERS.Health, {
    status: 'ok',
    pid: process.pid,
    version: '0.1.0',
    startedAt: lastSweepAt,
    uptimeMs: 1,
    eventClients: 0,
    canaries: { armed: 1 },
    problems: [{ id: 'disk', what: 'the disk is full', where: '/' }],
    supervisor: { lastSweepAt, sweep: stats, tick: stats, record: stats },
  })
})

it.each([
  ['start', { timeoutMs: 0 }, 'the body: timeoutMs: Too small: expected number to be >=1'],
  ['start', { by: 'me' }, 'the body: Unrecognized key: "by"'],
  ['stop', { force: 'yes' }, 'the body: force: Invalid input: expected boolean, received string'],
  ['wake', { from: 'fate' }, 'the body: from: Invalid option: expected one of "human"|"agent"|"attach"'],
  ['reset', [], 'the body: Invalid input: expected object, received array'],
] as const)(
  'an invalid body of %s is rejected with a message that names the field: %j',
  (action, body, message) => {
    expect(() => parseAs<unknown>(ROUTES[action].body, body, 'the body')).toThrow(message)
  },
)

it('the OpenAPI document describes every route, and a change of it changes the snapshot', async () => {
  const text = `${JSON.stringify(openApi('0.0.0'), undefined, 2)}\n`
  await expect(text).toMatchFileSnapshot('__snapshots__/openapi.json.snap')
  const { paths } = JSON.parse(text)
  const described = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(described).toEqual(
    Object.values(ROUTES).map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`),
  )
})
