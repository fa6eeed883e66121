import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { asyncCleanups, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { ask, roots } from './support.ts'

const track = asyncCleanups()
const newRoot = roots()

/** A client that goes on sending a byte at a time, and never leaves. */
function dripping(socketPath: string, head: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket: Socket = connect({ path: socketPath, allowHalfOpen: true })
    const drip = setInterval(() => socket.write('y'), 500)
    track(() => socket.destroy())
    socket.write(head)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    // Only when nothing can be written any more the other side has let go.
    socket
      .once('error', () => undefined)
      .once('close', () => {
        clearInterval(drip)
        resolve(text)
      })
  })
}

it('a head that never ends is cut off, also where the client keeps its own end open', async () => {
  const { up } = newRoot()
  const { socketPath, where } = await up()
  const slow = Array.from({ length: 50 }, () => dripping(socketPath, 'GET /healthz HTTP/1.1\r\nx: '))
  const begun = performance.now()
  expect((await ask(where, '/version')).status).toBe(200)
  expect(performance.now() - begun).toBeLessThan(2_000)
  expect((await Promise.all(slow)).every((answer) => answer.startsWith('HTTP/1.1 408 '))).toBe(true)
  expect(performance.now() - begun).toBeLessThan(14_000)
}, 20_000)

it('a Last-Event-ID that is none is refused before the stream begins', async () => {
  const { up } = newRoot()
  const { where } = await up()
  for (const id of ['-1', '99999999999999999999', ',', '1:-1:aaaaaaaaaaaa', '1:1:aaaaaaaaaaaa,'])
    expect(await ask(where, '/v1/events', { headers: { 'last-event-id': id } })).toMatchObject({
      status: 400,
      text: expect.stringContaining('"bad-cursor"'),
    })
})

it('a socket that was taken away is made again, and what somebody has put there is left alone', async () => {
  const { up } = newRoot()
  const { socketPath, where, end } = await up()
  rmSync(socketPath)
  await until('the socket', () => lstatSync(socketPath, { throwIfNoEntry: false })?.isSocket())
  expect((await ask(where, '/healthz')).status).toBe(200)
  rmSync(socketPath)
  writeFileSync(socketPath, 'mine')
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  expect(readFileSync(socketPath, 'utf8')).toBe('mine')
  rmSync(socketPath)
  await until('the socket', () => lstatSync(socketPath, { throwIfNoEntry: false })?.isSocket())
  expect(await end()).toBe(0)
}, 20_000)

it('a daemon whose root is taken away ends, so that there are never two', async () => {
  const { root, up } = newRoot()
  const first = await up()
  renameSync(root, `${root}.away`)
  const second = await up()
  expect(await first.end('SIGCONT')).toBe(1)
  // The end of the first takes the name of the socket with it.
  await until('the second one', async () => {
    const there = lstatSync(second.socketPath, { throwIfNoEntry: false })?.isSocket()
    return there && (await ask(second.where, '/healthz')).status === 200
  })
  rmSync(`${root}.away`, { recursive: true })
}, 20_000)
