import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canaryStatus, dismissCanary, ensureCanary } from '@iapeer/canary'
import { toIdentity } from '@iapeer/core/identity'
import { rootRecordLocation } from '@iapeer/core/paths'
import { asyncCleanups, privateDirectory, startServer, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import {
  FleetSupervisor,
  forgetWatch,
  keepWatch,
  listKeptWatches,
  readEvents,
  rearmKept,
} from '../src/index.ts'
import { readTally } from '../src/sessions/index.ts'

const track = asyncCleanups()

function newRoot(): string {
  const directory = privateDirectory()
  track(directory.remove)
  return join(directory.path, 'root')
}

it('a kept watch is stored, replaced and removed', async () => {
  const root = newRoot()
  expect(await listKeptWatches(root)).toEqual([])
  await keepWatch(root, { identity: 'tmux-a', socketPath: '/s/a' })
  await keepWatch(root, { identity: 'tmux-b', socketPath: '/s/b' })
  await keepWatch(root, { identity: 'tmux-a', socketPath: '/s/c' })
  expect(await listKeptWatches(root)).toEqual([
    { identity: 'tmux-a', socketPath: '/s/c' },
    { identity: 'tmux-b', socketPath: '/s/b' },
  ])
  expect(await forgetWatch(root, 'tmux-a')).toBe(true)
  expect(await forgetWatch(root, 'tmux-a')).toBe(false)
  expect(await listKeptWatches(root)).toHaveLength(1)
})

it.each(['', '{', '[]', '{"socketPath":1}', 'null'])(
  'a file that contains %j is renamed, not deleted and not used',
  async (text) => {
    const root = newRoot()
    await keepWatch(root, { identity: 'tmux-a', socketPath: '/s/a' })
    const directory = join(root, 'state', 'lifecycle', 'watches')
    writeFileSync(join(directory, 'tmux-a.json'), text)
    expect(await listKeptWatches(root)).toEqual([])
    expect(readdirSync(directory)).toEqual(['tmux-a.json.corrupt'])
    expect(readFileSync(join(directory, 'tmux-a.json.corrupt'), 'utf8')).toBe(text)
  },
)

it('concurrent readers rename each malformed file once, and all of them are kept', async () => {
  const root = newRoot()
  const tally = join(root, 'state', 'lifecycle', 'command-bob.tally')
  const watch = join(root, 'state', 'lifecycle', 'watches', 'tmux-a.json')
  await keepWatch(root, { identity: 'tmux-a', socketPath: '/s/a' })
  for (const text of ['{ first', '{ second']) {
    for (const path of [tally, watch]) writeFileSync(path, text)
    const readers = Array.from({ length: 8 }, () => [
      readTally(root, toIdentity('command-bob')),
      listKeptWatches(root),
    ])
    await Promise.all(readers.flat())
  }
  for (const path of [tally, watch])
    expect(['.corrupt', '.corrupt-2'].map((end) => readFileSync(path + end, 'utf8'))).toEqual([
      '{ first',
      '{ second',
    ])
})

it('an identity that leads out of the directory is refused', async () => {
  await expect(keepWatch(newRoot(), { identity: '../x', socketPath: '/s' })).rejects.toMatchObject({
    code: 'invalid-identity',
  })
})

it('a server that was restarted is watched again', async () => {
  const root = newRoot()
  const directory = privateDirectory()
  track(directory.remove)
  const location = { identity: 'tmux-a', ...rootRecordLocation(root) }
  track(() => dismissCanary(location))
  const socketPath = join(directory.path, 's')
  await keepWatch(root, { identity: 'tmux-a', socketPath })
  expect(await rearmKept(root)).toMatchObject([
    { identity: 'tmux-a', result: { state: 'failed', code: 'no-server' } },
  ])
  const first = await startServer(socketPath)
  expect(await rearmKept(root)).toMatchObject([{ result: { state: 'spawned', serverPid: first.pid } }])
  await first.end()
  await until('the record', async () => (await canaryStatus(location)).state === 'none')
  const second = await startServer(socketPath)
  track(second.end)
  expect(await rearmKept(root)).toMatchObject([{ result: { state: 'spawned', serverPid: second.pid } }])
  expect(await rearmKept(root)).toMatchObject([{ result: { state: 'already' } }])
})

it('a watch that is not kept gets a new recorder when it has lost its own, but not after unwatch', async () => {
  const root = newRoot()
  const directory = privateDirectory()
  track(directory.remove)
  const server = await startServer(join(directory.path, 's'))
  track(server.end)
  const watch = { identity: 'tmux-own', socketPath: server.socketPath, ...rootRecordLocation(root) }
  expect(await ensureCanary(watch)).toMatchObject({ state: 'spawned' })
  const recorder = async (): Promise<number | undefined> => {
    const status = await canaryStatus(watch)
    return status.state === 'armed' ? status.recorderPid : undefined
  }
  const first = await recorder()
  if (first === undefined) throw new Error('the watch is not armed')
  process.kill(first, 'SIGKILL')
  await until('the loss', async () => (await canaryStatus(watch)).state === 'lost')
  const supervisor = new FleetSupervisor(root, { env: { ...process.env, IAPEER_TICK_SECS: '0.3' } })
  await supervisor.start()
  track(() => supervisor.stop())
  const second = await until('a new recorder', recorder)
  expect(second).not.toBe(first)
  const written = async () => {
    const { events } = await readEvents(root, { ev: ['supervise'] })
    return events.length > 0 ? events : undefined
  }
  expect(await until('the event', written)).toMatchObject([
    { identity: 'tmux-own', action: 'canary', state: 'spawned' },
  ])
  await dismissCanary(watch)
  const { count } = supervisor.stats().tick
  await until('two more ticks', () => supervisor.stats().tick.count >= count + 2)
  expect(await recorder()).toBeUndefined()
}, 30_000)
