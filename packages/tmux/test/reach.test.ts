import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { asyncCleanups, privateDirectory, startServer, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { describeReach, observeReach, TmuxServer } from '../src/index.ts'

const track = asyncCleanups()

async function server() {
  const directory = privateDirectory()
  track(directory.remove)
  const socketPath = join(directory.path, 's')
  const made = await startServer(socketPath)
  track(made.end)
  return { ...made, directory: directory.path, reach: () => observeReach(made.id, socketPath) }
}

it('a server is reached through its socket, also when it answers slowly', async () => {
  const { reach } = await server()
  expect(await reach()).toBe('reachable')
})

it('a server whose socket was removed is not reached, and the advised signal makes the socket anew', async () => {
  const { reach, socketPath, id, pid, kill } = await server()
  rmSync(socketPath)
  expect(await reach()).toBe('no-socket')
  expect(describeReach('no-socket', pid, socketPath)?.fix).toContain(`: kill -USR1 ${pid}`)
  const handle = new TmuxServer({ socketPath, process: id })
  await expect(handle.sessions()).rejects.toMatchObject({
    code: 'server-unresponsive',
    hint: expect.stringContaining(`kill -USR1 ${pid}`),
  })
  kill('SIGUSR1')
  await until('the socket', async () => (await reach()) === 'reachable')
  expect(await handle.sessions()).toHaveLength(1)
})

it('a server whose path another server uses is told apart, and the advised commands reach both', async () => {
  const old = await server()
  rmSync(old.socketPath)
  const next = await startServer(old.socketPath)
  track(next.end)
  expect(await old.reach()).toBe('other-server')
  expect(await observeReach(next.id, next.socketPath)).toBe('reachable')
  expect(describeReach('other-server', old.pid, old.socketPath)?.fix).toContain(
    `mv ${old.socketPath} ${old.socketPath}.new && kill -USR1 ${old.pid}`,
  )
  renameSync(old.socketPath, `${old.socketPath}.new`)
  old.kill('SIGUSR1')
  await until('the old server', async () => (await old.reach()) === 'reachable')
  expect(await observeReach(next.id, `${old.socketPath}.new`)).toBe('reachable')
})

it('a server that is stopped, or dead, is not called unreachable', async () => {
  const { reach, stop, kill, gone, socketPath, pid } = await server()
  await stop()
  expect(await reach()).toBe('unknown')
  expect(describeReach('unknown', pid, socketPath)).toBeUndefined()
  kill('SIGKILL')
  await gone()
  rmSync(socketPath, { force: true })
  expect(await reach()).toBe('unknown')
})
