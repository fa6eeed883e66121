import { existsSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { errnoOf } from '@iapeer/core/errors'
import { observeSocket } from '@iapeer/core/process'
import { until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { startGuardedServer } from '../src/index.ts'
import { startDetached } from '../src/process/spawn.ts'
import { roots } from './support.ts'

const newRoot = roots()

/** Opens connections until the queue of the listening server is full. */
async function fillQueue(socketPath: string): Promise<Socket[]> {
  const open: Socket[] = []
  for (let count = 0; count < 5_000; count++) {
    const socket = connect(socketPath)
    const problem = await new Promise<string | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined))
      socket.once('error', (error) => resolve(errnoOf(error)))
    })
    if (problem === 'EAGAIN') return open
    if (problem !== undefined) throw new Error(`the queue cannot be filled: ${problem}`)
    open.push(socket)
  }
  throw new Error('the queue is never full')
}

// macOS refuses a connection to a full queue, as if no process were listening.
it.skipIf(process.platform !== 'linux')(
  'a stopped server whose queue of connections is full keeps its socket',
  async () => {
    const root = newRoot()
    const server = await root.server()
    server.kill('SIGSTOP')
    const waiting = await fillQueue(server.socketPath)
    root.track(() => {
      for (const socket of waiting) socket.destroy()
    })
    expect(await observeSocket(server.socketPath)).toBe('listening')
    const started = startGuardedServer({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
      timeoutMs: 2_000,
    })
    await expect(started).rejects.toMatchObject({ code: 'socket-taken' })
    expect(existsSync(server.socketPath)).toBe(true)
    for (const socket of waiting) socket.destroy()
    server.kill('SIGCONT')
    expect((await server.tmux('display-message', '-p', '#{pid}')).stdout.trim()).toBe(String(server.pid))
  },
  20_000,
)

it('the process of a socket', async () => {
  const root = newRoot()
  const server = await root.server()
  expect(await observeSocket(server.socketPath)).toBe('listening')
  server.kill('SIGKILL')
  await server.gone()
  // A child of the server that has not executed its program yet holds the socket too.
  await until('a refusal', async () => (await observeSocket(server.socketPath)) === 'refused')
  expect(await observeSocket(root.socket('none'))).toBe('absent')
  writeFileSync(root.socket('file'), '')
  expect(await observeSocket(root.socket('file/below'))).toBe('unknown')
})

it('a second line to a recorder does not harm the program that started it', async () => {
  const recorder = await startDetached(['/bin/cat'], { env: {}, cwd: '/', input: true })
  recorder.say('once')
  recorder.say('twice')
  expect((await recorder.lines.next()).value).toBe('once')
  expect((await recorder.lines.next()).done).toBe(true)
})
