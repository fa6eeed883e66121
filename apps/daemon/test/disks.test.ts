import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { createPeer } from '@iapeer/core/registry'
import { asyncCleanups, mayMount, smallDisk, until } from '@iapeer/dev/testing'
import { daemonStatus } from '@iapeer/host'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { expect, it } from 'vitest'
import { ask, post, roots } from './support.ts'

const newRoot = roots()
const track = asyncCleanups()
const statusOf = async (where: Parameters<typeof ask>[0]) => (await ask(where, '/healthz')).json()

it.runIf(mayMount)(
  'with its logs on a full disk the daemon keeps running as degraded, and records deaths when there is space',
  async () => {
    const { root, up } = newRoot()
    const logs = join(root, 'logs', 'iapeer')
    mkdirSync(dirname(logs), { recursive: true, mode: 0o700 })
    const disk = await smallDisk(logs)
    track(disk.remove)
    // Runs before the disk is removed.
    const states = join(root, 'state', 'canary')
    track(() => until('the guard to finish', () => !existsSync(states) || readdirSync(states).length === 0))
    await createPeer(root, {
      personality: toPersonality('bob'),
      defaultRuntime: toRuntime('command'),
      command: ['sleep', '1000'],
    })
    const { where, end } = await up({ IAPEER_TICK_SECS: '1' })
    expect((await post(where, '/v1/peers/bob/start')).status).toBe(200)
    const freeSpace = disk.fill()
    const [session] = await listSessions(root)
    process.kill(session?.server.pid ?? Number.NaN, 'SIGKILL')
    expect(await statusOf(where)).toMatchObject({
      status: 'degraded',
      problems: [{ id: 'disk-space', where: logs }],
    })
    expect(await daemonStatus(root)).toMatchObject({
      problems: [expect.stringContaining(logs)],
    })
    await until('the session to be settled', async () => (await listSessions(root)).length === 0)
    expect((await ask(where, '/v1/deaths')).json()).toMatchObject({ deaths: [] })
    freeSpace()
    await until('the record', async () => (await ask(where, '/v1/deaths')).text.includes(session?.gen ?? '?'))
    expect(await end()).toBe(0)
  },
  30_000,
)

it('with a file at the path of its log directory the daemon keeps running as degraded, and records the death when the file is gone', async () => {
  const { root, up } = newRoot()
  const logs = join(root, 'logs', 'iapeer')
  await createPeer(root, {
    personality: toPersonality('bob'),
    defaultRuntime: toRuntime('command'),
    command: ['sleep', '1000'],
  })
  const { where, end } = await up({ IAPEER_TICK_SECS: '1' })
  expect((await post(where, '/v1/peers/bob/start')).status).toBe(200)
  const [session] = await listSessions(root)
  renameSync(logs, `${logs}.away`)
  writeFileSync(logs, '')
  process.kill(session?.server.pid ?? Number.NaN, 'SIGKILL')
  expect(await statusOf(where)).toMatchObject({
    status: 'degraded',
    problems: expect.arrayContaining([expect.objectContaining({ id: 'directory-unusable', where: logs })]),
  })
  rmSync(logs)
  renameSync(`${logs}.away`, logs)
  await until('the record', async () => (await ask(where, '/v1/deaths')).text.includes(session?.gen ?? '?'))
  expect(await end()).toBe(0)
}, 30_000)
