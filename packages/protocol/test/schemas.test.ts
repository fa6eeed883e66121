import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer } from '@iapeer/core/registry'
import { asyncCleanups, privateDirectory, until } from '@iapeer/dev/testing'
import { deathView, deathViews } from '@iapeer/lifecycle/deaths'
import {
  fleetView,
  peerView,
  refreshNamed,
  renewNamed,
  resetNamed,
  startNamed,
  stopNamed,
  wakeNamed,
} from '@iapeer/lifecycle/fleet'
import { Durations } from '@iapeer/lifecycle/supervise'
import { expect, it } from 'vitest'
import { openApi } from '../src/openapi.ts'
import { ANSWERS, parseAs, ROUTES, versioned } from '../src/routes.ts'

const track = asyncCleanups()

/** A root with one peer; what was launched ends after the test. */
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

/** A schema takes what is answered as it is: nothing is missing, and nothing is left out. */
function takes(schema: Schema, fields: object): void {
  const value: unknown = JSON.parse(JSON.stringify({ ...versioned, ...fields }))
  expect(parseAs(schema, value, 'the answer')).toEqual(value)
}

it('what the library says of a peer, its launches and its deaths is what the schemas say', async () => {
  const root = await rootWithBob()
  const by = 'a test'
  const peers = async (): Promise<void> => {
    takes(ANSWERS.Fleet, { peers: await fleetView(root) })
    takes(ANSWERS.Peer, await peerView(root, 'bob'))
  }
  const launched = (session: object): void =>
    takes(ROUTES.start.answer, { action: 'start', peer: 'bob', session })
  const came = (action: 'refresh' | 'wake' | 'reset', outcome: object): void =>
    takes(ROUTES[action].answer, { action, peer: 'bob', outcome })
  const stopped = async (): Promise<void> =>
    takes(ROUTES.stop.answer, {
      action: 'stop',
      peer: 'bob',
      sessions: await stopNamed(root, 'bob', { by }),
    })

  await peers()
  came('refresh', await refreshNamed(root, 'bob', { by }))
  const { leaderPid, ...session } = await startNamed(root, 'bob', {})
  launched({ leaderPid, ...session })
  launched(await startNamed(root, 'bob', {}))
  await peers()
  process.kill(leaderPid, 'SIGKILL')
  const [death] = await until('its death', async () => {
    const deaths = await deathViews(root)
    return deaths.length > 0 && deaths
  })
  takes(ANSWERS.Deaths, { deaths: [death] })
  takes(ANSWERS.Death, await deathView(root, death?.id ?? ''))
  await peers()
  came('reset', await resetNamed(root, 'bob'))
  came('wake', await wakeNamed(root, 'bob', { from: 'human' }))
  came('wake', await wakeNamed(root, 'bob', { from: 'agent' }))
  came('refresh', await refreshNamed(root, 'bob', { by }))
  launched(await renewNamed(root, 'bob', { by }))
  await stopped()
  await stopped()
  await peers()
}, 60_000)

it('what a supervisor counts is what the schema of the health says', () => {
  const durations = new Durations()
  durations.observe(0.2)
  const lastSweepAt = new Date().toISOString()
  const stats = durations.stats()
  takes(ANSWERS.Health, {
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
] as const)('a body of %s that is wrong is refused in words: %j', (action, body, message) => {
  expect(() => parseAs<unknown>(ROUTES[action].body, body, 'the body')).toThrow(message)
})

it('the OpenAPI document is made from the routes, and no part of it changes unseen', async () => {
  const text = `${JSON.stringify(openApi('0.0.0'), undefined, 2)}\n`
  await expect(text).toMatchFileSnapshot('__snapshots__/openapi.json.snap')
  const { paths } = JSON.parse(text)
  const said = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(said).toEqual(
    Object.values(ROUTES).map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`),
  )
})
