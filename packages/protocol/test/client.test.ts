import { once } from 'node:events'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { connectDaemon, type DaemonClient } from '../src/index.ts'
import { fakeDaemons, socketOf } from './support.ts'

const { newRoot, http, plain } = fakeDaemons()
const track = asyncCleanups()

const SESSION = {
  state: 'already',
  identity: 'command-bob',
  serverPid: 11,
  leaderPid: 12,
  startedAt: '2026-06-10T15:42:07.113Z',
  warnings: [],
}
const STARTED = { schemaVersion: 2, action: 'start', peer: 'bob', session: SESSION }

/** Returns a listener that answers every request with `value`, after it has read the whole request. */
const always =
  (value: unknown, status = 200): RequestListener =>
  (request, response) => {
    request.resume().once('end', () => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof value === 'string' ? value : JSON.stringify(value))
    })
  }

/** Returns a listener that answers every request with the status and the value that `answerTo` returns for its body. */
const answering =
  (answerTo: (body: string) => readonly [status: number, value: unknown]): RequestListener =>
  async (request, response) => {
    const [status, value] = answerTo(await text(request))
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }

async function clientOf(root: string): Promise<DaemonClient> {
  const client = await connectDaemon(root)
  if (client === undefined) throw new Error('no process listens')
  track(() => client.close())
  return client
}

// @ts-expect-error a route with a path parameter needs its value
export const withoutName = (client: DaemonClient) => client.get('peer')

async function timed(work: Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work
  return performance.now() - begun
}

describe('connecting', () => {
  it('reports immediately that no daemon is running: no socket, a stale socket, no directory', async () => {
    const [none, stale, file] = [newRoot(), newRoot(), newRoot()]
    const server = createServer().listen(socketOf(stale))
    await once(server, 'listening')
    // A server removes its socket when it closes. A killed server leaves it behind.
    renameSync(socketOf(stale), join(stale, 'kept'))
    server.close()
    await once(server, 'close')
    renameSync(join(stale, 'kept'), socketOf(stale))
    rmSync(join(file, 'run'), { recursive: true })
    writeFileSync(join(file, 'run'), '')
    for (const root of [none, stale, file]) {
      expect(await timed(connectDaemon(root))).toBeLessThan(1_000)
      expect(await connectDaemon(root)).toBe(undefined)
    }
  })

  it('sends no request, and does not keep the process running', async () => {
    const requests: string[] = []
    const { root, connections } = await http((request) => requests.push(request.url ?? ''))
    const index = new URL('../dist/index.js', import.meta.url)
    const program = `import { connectDaemon } from ${JSON.stringify(String(index))}
      console.log((await connectDaemon(${JSON.stringify(root)})).socketPath)`
    const done = await run(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    })
    expect(done).toMatchObject({ exitCode: 0, stdout: `${socketOf(root)}\n` })
    expect([connections(), requests]).toEqual([1, []])
  })

  it('sends the first request over the connection that found the daemon, and the next one over a new connection', async () => {
    const { root, connections } = await http(always(STARTED))
    const client = await clientOf(root)
    await until('the connection', () => connections() === 1)
    await client.start('bob', {})
    expect(connections()).toBe(1)
    await client.start('bob', {})
    expect(connections()).toBe(2)
  })

  it('replaces a connection that the daemon has closed meanwhile', async () => {
    let seen = 0
    const { root } = await plain((socket) => {
      if (++seen === 1) socket.end('HTTP/1.1 408 Request Timeout\r\ncontent-length: 2\r\n\r\n{}')
      const body = JSON.stringify(STARTED)
      socket.once('data', () => socket.write('HTTP/1.1 100 Continue\r\n\r\n'))
      socket.on('data', (chunk) => {
        if (String(chunk) === '{}')
          socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      })
    })
    const client = await clientOf(root)
    await until('its end', () => seen === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await client.start('bob', {})).toEqual(SESSION)
    expect(seen).toBe(2)
  })
})

describe('a request', () => {
  it.each(['start', 'renew'] as const)(
    'of %s is sent again without the environment, and warns, where an earlier daemon refuses that field',
    async (action) => {
      const bodies: string[] = []
      const answer = { ...STARTED, action: action === 'renew' ? 'new' : action }
      const refusal = {
        schemaVersion: 2,
        error: { code: 'invalid-request', message: 'the body: Unrecognized key: "environment"' },
      }
      const missing = {
        schemaVersion: 2,
        error: { code: 'command-not-found', message: 'no', hint: 'Install.' },
      }
      const { root } = await http(
        answering((body) => {
          bodies.push(body)
          if (body.includes('environment')) return [400, refusal]
          return [200, body.includes('6') ? missing : answer]
        }),
      )
      const client = await clientOf(root)
      const environment = { PATH: '/bin', LANG: 'C' }
      expect(await client[action]('bob', { timeoutMs: 5, environment })).toEqual({
        ...SESSION,
        warnings: [expect.stringContaining('iapeer daemon restart')],
      })
      expect(bodies).toEqual([JSON.stringify({ timeoutMs: 5, environment }), '{"timeoutMs":5}'])
      expect(await client[action]('bob', { timeoutMs: 5 })).toEqual(SESSION)
      await expect(client[action]('bob', { timeoutMs: 6, environment })).rejects.toMatchObject({
        code: 'command-not-found',
        hint: expect.stringMatching(/^Install\.\n {2}the running daemon .*iapeer daemon restart$/),
      })
    },
  )

  it('of a start is sent again without the queue, but with the environment, where an earlier daemon has no queue', async () => {
    const bodies: string[] = []
    const refusal = {
      schemaVersion: 2,
      error: { code: 'invalid-request', message: 'Unrecognized key: "queueMs"' },
    }
    const { root } = await http(
      answering((body) => {
        bodies.push(body)
        return body.includes('queueMs') || body.includes('now') ? [400, refusal] : [200, STARTED]
      }),
    )
    const environment = { PATH: '/bin' }
    const body = { timeoutMs: 5, queueMs: 7, now: true, environment }
    expect(await (await clientOf(root)).start('bob', body)).toEqual(SESSION)
    expect(bodies).toEqual([JSON.stringify(body), JSON.stringify({ timeoutMs: 5, environment })])
  })

  it('has the method, path, query and body of its route', async () => {
    const seen: unknown[] = []
    const { root } = await http((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      request.once('end', () =>
        seen.push([request.method, request.url, request.headers['content-type'], body]),
      )
      const answer = request.method === 'POST' ? STARTED : { schemaVersion: 2, deaths: [] }
      always(answer)(request, response)
    })
    const client = await clientOf(root)
    expect(await client.start('claude-bob', { timeoutMs: 5, runtime: undefined })).toEqual(SESSION)
    expect(await client.get('deaths', { query: { peer: 'bob', limit: 3 } })).toEqual({
      schemaVersion: 2,
      deaths: [],
    })
    expect(seen).toEqual([
      ['POST', '/v1/peers/claude-bob/start', 'application/json', '{"timeoutMs":5}'],
      ['GET', '/v1/deaths?peer=bob&limit=3', undefined, ''],
    ])
  })

  it.each(['', '.', '..', 'a/b', '../x', 'Bob', 'bob?x', 'a b'])(
    'for %j, which cannot be the name of a peer, is not sent',
    async (name) => {
      const { root, connections } = await http(always(STARTED))
      const client = await clientOf(root)
      await until('the connection', () => connections() === 1)
      await expect(client.stop(name, {})).rejects.toMatchObject({ code: 'no-such-peer' })
      await expect(client.get('death', { params: { id: '..' } })).rejects.toMatchObject({
        code: 'invalid-request',
      })
      expect(connections()).toBe(1)
    },
  )

  it('sends its body only after the daemon has accepted its head', async () => {
    let text = ''
    const { root } = await plain((socket) => {
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      setTimeout(() => {
        expect(text).toMatch(/^POST \/v1\/peers\/bob\/stop HTTP\/1.1\r\n[\s\S]*expect: 100-continue\r\n/)
        expect(text.split('\r\n\r\n')[1]).toBe('')
        socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      }, 300)
    })
    void (await clientOf(root)).stop('bob', { force: true }).catch(() => undefined)
    await until('the body', () => text.endsWith('\r\n\r\n{"force":true}'))
  })

  it('that is not accepted within two seconds fails, and its body is never sent', async () => {
    let text = ''
    let closed = false
    const { root } = await plain((socket) => {
      socket.on('data', (chunk) => {
        text += chunk.toString()
      })
      socket.once('close', () => {
        closed = true
      })
    })
    const client = await clientOf(root)
    const failure = {
      code: 'daemon-unreachable',
      hint: 'Print the state of the daemon: iapeer daemon status',
      delivered: false,
    }
    const ms = await timed(expect(client.start('bob', { runtime: 'secret' })).rejects.toMatchObject(failure))
    expect(ms).toBeGreaterThan(1_900)
    expect(ms).toBeLessThan(3_500)
    await until('the end of the connection', () => closed)
    expect(text).not.toContain('secret')
    await expect(client.health()).rejects.toMatchObject(failure)
  })

  it('is reported as delivered when the daemon disappears after it received the body', async () => {
    const { root } = await http((request) => {
      request.on('data', () => undefined).once('end', () => request.socket.destroy())
    })
    const client = await clientOf(root)
    await expect(client.start('bob', {})).rejects.toMatchObject({
      code: 'daemon-unreachable',
      message: expect.stringContaining('may have carried it out'),
      hint: expect.stringContaining('iapeer list'),
      delivered: true,
    })
    await expect(client.health()).rejects.toMatchObject({
      message: expect.stringContaining('cannot be reached'),
      hint: 'Print the state of the daemon: iapeer daemon status',
      delivered: false,
    })
  })
})

describe('an answer', () => {
  it('that reports an error has its code, message and hint', async () => {
    const error = { code: 'crash-loop', message: 'bob is in a crash loop', hint: 'iapeer reset bob' }
    const { root } = await http(always({ error }, 409))
    await expect((await clientOf(root)).start('bob', {})).rejects.toMatchObject({
      ...error,
      name: 'IapeerError',
    })
    const bare = await http(always({ error: { code: 'held', message: 'held' } }, 409))
    await expect((await clientOf(bare.root)).start('bob', {})).rejects.toMatchObject({ hint: undefined })
  })

  it('of a newer daemon may have fields that this version does not know', async () => {
    const { root } = await http(
      always({ ...STARTED, newer: 1, session: { ...SESSION, newer: { deep: true } } }),
    )
    expect(await (await clientOf(root)).start('bob', {})).toEqual(SESSION)
  })

  it('of a daemon that the previous version started is converted to this version', async () => {
    const peer = {
      ...{ identity: 'command-bob', personality: 'bob', runtime: 'command', runtimes: ['command'] },
      ...{ intelligence: 'artificial', home: '/h', cwd: '/h' },
    }
    const former = (request: IncomingMessage): unknown => {
      if (request.method === 'POST') return { ...STARTED, schemaVersion: 1 }
      return request.url === '/v1/fleet'
        ? {
            schemaVersion: 1,
            peers: [
              { ...peer, state: 'asleep' },
              { ...peer, state: 'blocked' },
            ],
          }
        : { schemaVersion: 1, ...peer, state: 'alive' }
    }
    const { root } = await http((request, response) => always(former(request))(request, response))
    const client = await clientOf(root)
    expect(await client.start('bob', {})).toEqual(SESSION)
    const { peers } = await client.get('fleet')
    expect(peers.map(({ state }) => state)).toEqual(['not-running', 'blocked'])
    expect(await client.get('peer', { params: { name: 'bob' } })).toMatchObject({
      schemaVersion: 2,
      state: 'running',
    })
  })

  it('contains the health of the daemon, also with status 503', async () => {
    const health = {
      schemaVersion: 2,
      status: 'stalled',
      pid: 7,
      version: '0.1.0',
      startedAt: '2026-06-10T15:42:07.113Z',
      uptimeMs: 1,
      eventClients: 0,
      canaries: { armed: 2 },
      problems: [{ id: 'disk', what: 'the disk is full', where: '/' }],
    }
    const { root } = await http(always(health, 503))
    expect(await (await clientOf(root)).health()).toEqual(health)
  })

  const { serverPid: _pid, ...incomplete } = SESSION
  it.each([
    ['HTML', '<html>hello</html>', 'its answer is not JSON'],
    ['nothing', '', 'its answer is not JSON'],
    ['another object', { hello: 'world' }, 'its answer does not match the API of this version'],
    ['a number', '7', 'its answer does not match the API of this version'],
    [
      'a missing field',
      { ...STARTED, session: incomplete },
      'its answer does not match the API of this version',
    ],
    ['another action', { ...STARTED, action: 'stop' }, 'its answer does not match the API of this version'],
    [
      'an error without its code',
      { error: { message: 'x' } },
      'its answer does not match the API of this version',
    ],
  ])('with %s is reported as an unreachable daemon', async (_what, value, why) => {
    for (const status of [200, 500]) {
      const { root } = await http(always(value, status))
      await expect((await clientOf(root)).start('bob', {})).rejects.toMatchObject({
        code: 'daemon-unreachable',
        message: `the daemon received the request and may have carried it out; the outcome is not known: ${why}`,
        hint: expect.stringContaining('iapeer list'),
        delivered: true,
      })
    }
  })

  it('that is not HTTP, or arrives before the request was accepted, counts as not delivered', async () => {
    const nonsense = await plain((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
    await expect((await clientOf(nonsense.root)).start('bob', {})).rejects.toMatchObject({
      code: 'daemon-unreachable',
      delivered: false,
    })
    const early = await plain((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'))
    })
    await expect((await clientOf(early.root)).start('bob', {})).rejects.toMatchObject({
      code: 'daemon-unreachable',
      delivered: false,
    })
  })

  it('that arrives before the daemon has read the body is returned, or counts as not delivered', async () => {
    const refusal = JSON.stringify({ error: { code: 'not-found', message: 'there is nothing' } })
    const { root } = await http((_request, response) => response.writeHead(404).end(refusal))
    for (let count = 0; count < 50; count++) {
      const refused = expect.objectContaining({ code: 'not-found' })
      const undelivered = expect.objectContaining({ code: 'daemon-unreachable', delivered: false })
      const error = await (await clientOf(root)).start('bob', {}).catch((reason: unknown) => reason)
      expect(
        [refused, undelivered].some((one) => one.asymmetricMatch(error)),
        String(error),
      ).toBe(true)
    }
  })

  it('that is too long, or ends early, is reported as an unreachable daemon', async () => {
    const chunk = ' '.repeat(1024 * 1024)
    const { root } = await http((request, response) => {
      request.resume()
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    })
    await expect((await clientOf(root)).start('bob', {})).rejects.toMatchObject({
      message: expect.stringMatching(/: its answer is too long$/),
    })
    const short = await http((request, response) => {
      request.resume().once('end', () => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
        setTimeout(() => response.destroy(), 50)
      })
    })
    await expect((await clientOf(short.root)).start('bob', {})).rejects.toMatchObject({
      code: 'daemon-unreachable',
      delivered: true,
    })
  })
})
