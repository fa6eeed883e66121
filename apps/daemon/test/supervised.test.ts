import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { toIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer, updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { listSessions, statusOf } from '@iapeer/lifecycle/sessions'
import { expect, it } from 'vitest'
import { ask, post, roots } from './support.ts'

const newRoot = roots()
const BOB = toIdentity('command-bob')

/** Follows the events. `text` returns what has arrived so far. */
function follow(socketPath: string): { readonly text: () => string; readonly end: () => void } {
  let text = ''
  const sent = request({ socketPath, path: '/v1/events', headers: { host: 'localhost' } }, (answer) => {
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    answer.on('error', () => undefined)
  })
  sent.on('error', () => undefined)
  sent.end()
  return { text: () => text, end: () => sent.destroy() }
}

it('the daemon restarts a keep-alive peer and streams the events of it, and kill -9 of the daemon stops no peer', async () => {
  const { root, up } = newRoot()
  const command = ['sleep', '1000']
  await createPeer(root, {
    personality: toPersonality('bob'),
    defaultRuntime: toRuntime('command'),
    command,
  })
  await updatePeer(root, 'bob', { wakePolicy: 'keep-alive' })
  const first = await up()
  const stream = follow(first.socketPath)
  await until('the stream', () => stream.text() !== '')
  expect((await post(first.where, '/v1/peers/bob/start')).status).toBe(200)
  const before = (await statusOf(root, BOB)).session
  process.kill(before?.leader.pid ?? Number.NaN, 'SIGKILL')
  const after = await until('the restart', async () => {
    const { session } = await statusOf(root, BOB)
    return session?.gen === before?.gen ? undefined : session
  })
  await until('the events', () => /"ev":"death"/.test(stream.text()) && /"restart"/.test(stream.text()))
  stream.end()
  await first.end('SIGKILL')
  expect((await statusOf(root, BOB)).session?.gen).toBe(after.gen)
  const second = await up()
  await until('the sweep of the next one', async () =>
    /"lastSweepAt"/.test((await ask(second.where, '/healthz')).text),
  )
  expect((await listSessions(root)).map(({ gen }) => gen)).toEqual([after.gen])
  expect((await post(second.where, '/v1/peers/bob/stop')).status).toBe(200)
  const lines = readFileSync(join(root, 'logs', 'iapeer', 'exits.log'), 'utf8')
    .trimEnd()
    .split('\n')
  expect(lines).toHaveLength(1)
})

it.runIf(isFullCampaign())(
  'a stop ends a launch that the daemon is carrying out, and the launch reports that; a launch of another peer goes on',
  async () => {
    const { root, up } = newRoot()
    for (const name of ['bob', 'eve']) {
      await createPeer(root, {
        personality: toPersonality(name),
        defaultRuntime: toRuntime('claude'),
        command: ['sh', '-c', 'exec sleep 1000'],
      })
    }
    const { where } = await up()
    const [bob, eve] = ['bob', 'eve'].map((name) =>
      post(where, `/v1/peers/${name}/start`, { timeoutMs: 15_000 }),
    )
    await until('both launches', async () => (await listSessions(root)).length === 2)
    const begun = performance.now()
    expect((await post(where, '/v1/peers/bob/stop')).status).toBe(200)
    expect(performance.now() - begun).toBeLessThan(10_000)
    expect((await bob)?.json()).toMatchObject({
      error: { code: 'not-running', message: 'bob was stopped while it was being started' },
    })
    expect((await listSessions(root)).map(({ identity }) => String(identity))).toEqual(['claude-eve'])
    expect((await eve)?.json()).toMatchObject({ session: { state: 'blocked' } })
    expect((await post(where, '/v1/peers/eve/stop')).status).toBe(200)
  },
)
