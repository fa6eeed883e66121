import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { asyncCleanups, isFullCampaign, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { ask, roots } from './support.ts'

const track = asyncCleanups()
const newRoot = roots()

/** Connects a client that keeps sending single bytes and never disconnects. */
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
    // Only a failed write shows that the server has closed the connection.
    socket
      .once('error', () => undefined)
      .once('close', () => {
        clearInterval(drip)
        resolve(text)
      })
  })
}

it.runIf(isFullCampaign())(
  'a request whose head never ends is disconnected, also if the client keeps its end open',
  async () => {
    const { up } = newRoot()
    const { socketPath, where } = await up()
    const slow = Array.from({ length: 50 }, () => dripping(socketPath, 'GET /healthz HTTP/1.1\r\nx: '))
    const begun = performance.now()
    expect((await ask(where, '/version')).status).toBe(200)
    expect(performance.now() - begun).toBeLessThan(2_000)
    expect((await Promise.all(slow)).every((answer) => answer.startsWith('HTTP/1.1 408 '))).toBe(true)
    expect(performance.now() - begun).toBeLessThan(14_000)
  },
  20_000,
)

it('an invalid Last-Event-ID is rejected before the stream starts', async () => {
  const { up } = newRoot()
  const { where } = await up()
  for (const id of ['-1', '99999999999999999999', ',', '1:-1:aaaaaaaaaaaa', '1:1:aaaaaaaaaaaa,'])
    expect(await ask(where, '/v1/events', { headers: { 'last-event-id': id } })).toMatchObject({
      status: 400,
      text: expect.stringContaining('"bad-cursor"'),
    })
})

it.runIf(isFullCampaign())(
  'a deleted socket is created again, and a file at its path is not touched',
  async () => {
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
  },
  20_000,
)

it('a daemon whose root is moved away exits, so that a root never has two daemons', async () => {
  const { root, up } = newRoot()
  const first = await up()
  renameSync(root, `${root}.away`)
  const second = await up()
  expect(await first.end('SIGCONT')).toBe(1)
  // The first daemon deletes the socket when it exits.
  await until('the second one', async () => {
    const there = lstatSync(second.socketPath, { throwIfNoEntry: false })?.isSocket()
    return there && (await ask(second.where, '/healthz')).status === 200
  })
  rmSync(`${root}.away`, { recursive: true })
}, 20_000)
