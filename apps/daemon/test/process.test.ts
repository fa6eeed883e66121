import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { toPersonality, toRuntime } from '@iapeer/core/identity'
import { daemonPaths } from '@iapeer/core/paths'
import { createPeer } from '@iapeer/core/registry'
import { readLockHolder } from '@iapeer/core/storage'
import { isFullCampaign, run, serverAt, until } from '@iapeer/dev/testing'
import { answeringDaemon, daemonStatus, startDaemon, stopDaemon } from '@iapeer/host'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { connectDaemon } from '@iapeer/protocol'
import { describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { ask, MAIN, post, roots, type Where } from './support.ts'

const newRoot = roots()

const peer = (root: string, name: string, command: readonly string[] = ['sleep', '1000']) =>
  createPeer(root, { personality: toPersonality(name), defaultRuntime: toRuntime('command'), command })

describe('one daemon for each root', () => {
  it('a second daemon reports the pid and start time of the first, and exits with code 1', async () => {
    const { root, up, launch } = newRoot()
    const { pid, where } = await up()
    const holder = await readLockHolder(daemonPaths(root).lock)
    expect(holder).toMatchObject({ pid, liveness: 'alive' })
    const second = await launch()
    expect(second).toMatchObject({ exitCode: 1, failure: { code: 'daemon-running' } })
    if (!('failure' in second)) throw new Error('the second daemon started')
    expect(second.failure.message).toBe(
      `a daemon of ${root} is already running: pid ${pid}, since ${holder?.since}`,
    )
    expect((await ask(where, '/healthz')).status).toBe(200)
  })

  it('of ten daemons that are started at once, exactly one keeps running', async () => {
    const { launch } = newRoot()
    const all = await Promise.all(Array.from({ length: 10 }, () => launch()))
    expect(all.filter((one) => 'pid' in one)).toHaveLength(1)
  })

  it('after kill -9 the next daemon can start immediately', async () => {
    const { root, up } = newRoot()
    const first = await up()
    expect(await first.end('SIGKILL')).toBe(null)
    expect(existsSync(first.socketPath)).toBe(true)
    expect(await connectDaemon(root)).toBe(undefined)
    expect(await daemonStatus(root)).toEqual({ state: 'stopped' })
    const next = await up()
    expect((await answeringDaemon(root))?.health.pid).toBe(next.pid)
  })

  it('another root has another daemon', async () => {
    const [one, other] = [newRoot(), newRoot()]
    await one.up()
    expect((await ask((await other.up()).where, '/healthz')).status).toBe(200)
  })

  it('a file at the path of the socket is not removed', async () => {
    const { root, launch } = newRoot()
    mkdirSync(join(root, 'run'), { recursive: true, mode: 0o700 })
    writeFileSync(join(root, 'run', 'iapeerd.sock'), 'mine')
    expect(await launch()).toMatchObject({ exitCode: 1, failure: { code: 'socket-path-occupied' } })
    expect(readFileSync(join(root, 'run', 'iapeerd.sock'), 'utf8')).toBe('mine')
  })

  it('if the path of its socket is too long, the socket is in another directory, and clients find it', async () => {
    const { directory, root, up } = newRoot('r'.repeat(100))
    await peer(root, 'bob')
    const sockets = join(directory, 's')
    const { socketPath } = await up({ IAPEER_SOCK_DIR: sockets })
    expect(socketPath).toMatch(new RegExp(`^${sockets}/iapeerd-[0-9a-f]{12}\\.sock$`))
    expect(await answeringDaemon(root)).toMatchObject({ socketPath })
    expect((await stopDaemon(root)).state).toBe('ended')
  })
})

describe('the exit of a daemon', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const)(
    'by %s leaves every peer running',
    async (signal) => {
      const { root, up } = newRoot()
      await peer(root, 'bob')
      const { where, end, socketPath } = await up()
      expect((await post(where, '/v1/peers/bob/start')).status).toBe(200)
      const [session] = await listSessions(root)
      if (session === undefined) throw new Error('no session')
      const begun = performance.now()
      expect(await end(signal)).toBe(signal === 'SIGKILL' ? null : 0)
      expect(performance.now() - begun).toBeLessThan(5_000)
      if (signal !== 'SIGKILL') expect(existsSync(socketPath)).toBe(false)
      expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(true)
      expect(serverAt(session.socketPath, session.leader.pid).alive()).toBe(true)
      const next = await up()
      expect((await ask(next.where, '/v1/peers/bob')).json()).toMatchObject({
        state: 'running',
        serverPid: session.server.pid,
        leaderPid: session.leader.pid,
      })
      expect((await ask(next.where, '/v1/deaths')).json()).toMatchObject({ deaths: [] })
    },
  )

  it.runIf(isFullCampaign())('waits for a running request, but not for one that never ends', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const { where, socketPath, end } = await up()
    const idle = connect(socketPath)
    await new Promise((resolve) => idle.once('connect', resolve))
    idle.write(
      'POST /v1/peers/bob/start HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    )
    idle.on('error', () => {})
    const started = post(where, '/v1/peers/bob/start')
    const lock = join(root, 'state', 'lifecycle', 'command-bob.lock')
    await until('the launch to begin', () => lstatSync(lock, { throwIfNoEntry: false }) !== undefined)
    const begun = performance.now()
    const ended = end()
    expect((await started).json()).toMatchObject({ session: { identity: 'command-bob' } })
    expect(await ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(5_500)
    idle.destroy()
  })

  it('after an unexpected error is logged, has code 1, and leaves every peer running', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const flaw = "process.on('SIGUSR2', () => void Promise.reject(new Error('a flaw')))"
    const { where, end } = await up({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(flaw)}`,
    })
    await post(where, '/v1/peers/bob/start')
    const [session] = await listSessions(root)
    expect(await end('SIGUSR2')).toBe(1)
    expect(session !== undefined && serverAt(session.socketPath, session.server.pid).alive()).toBe(true)
    expect(readFileSync(daemonPaths(root).log, 'utf8')).toMatch(/"msg":"unhandledRejection: iapeerd exits"/)
  })

  it('variables that are meant only for the daemon are not passed to its peers', async () => {
    const { directory, root, up } = newRoot()
    const seen = join(directory, 'env')
    await peer(root, 'bob', ['sh', '-c', `env > ${seen}.new; mv ${seen}.new ${seen}; exec sleep 1000`])
    const { where } = await up({
      IAPEER_PORT: '0',
      IAPEER_BEARER_TOKEN: 'a-token-of-23-characters',
      NOTIFY_SOCKET: join(directory, 'none'),
      WATCHDOG_USEC: '1000000',
      INVOCATION_ID: 'abc',
      KEPT: 'this',
      // One is the daemon's own, the other a person's.
      MALLOC_TRIM_THRESHOLD_: '65536',
      MALLOC_MMAP_THRESHOLD_: '1000000',
    })
    await post(where, '/v1/peers/bob/start')
    await until('its environment', () => existsSync(seen))
    const env = readFileSync(seen, 'utf8')
    expect(env).toMatch(/^KEPT=this$/m)
    expect(env).toContain(`IAPEER_ROOT=${root}\n`)
    expect(env).toMatch(/^MALLOC_MMAP_THRESHOLD_=1000000$/m)
    expect(env).not.toMatch(/^(MALLOC_TRIM|IAPEER_PORT|IAPEER_BEARER_TOKEN|NOTIFY|WATCHDOG|INVOCATION)/m)
  })
})

describe('in the background', () => {
  const program = { argv: [process.execPath, MAIN] as const }

  it('the daemon answers when its start returns; start and stop can be repeated', async () => {
    const { root } = newRoot()
    const started = await startDaemon(root, { argv: [...program.argv] })
    expect(started.state).toBe('started')
    expect(await startDaemon(root, { argv: [...program.argv] })).toMatchObject({
      state: 'already',
      health: { pid: started.health.pid },
    })
    expect(await daemonStatus(root)).toMatchObject({ state: 'running', version: manifest.version })
    expect(await (await connectDaemon(root))?.get('fleet')).toEqual({ schemaVersion: 2, peers: [] })
    expect(await stopDaemon(root)).toEqual({ state: 'ended', pid: started.health.pid })
    expect(await stopDaemon(root)).toEqual({ state: 'stopped' })
    expect(lstatSync(daemonPaths(root).defaultSocket, { throwIfNoEntry: false })).toBe(undefined)
  })

  it.runIf(process.platform === 'linux')('ps shows the daemon as iapeerd, with its root', async () => {
    const { root } = newRoot()
    const { health } = await startDaemon(root, { argv: [...program.argv] })
    const { pid } = health
    const ps = async (what: string) => (await run('ps', ['-o', `${what}=`, '-p', String(pid)])).stdout.trim()
    expect(await ps('comm')).toBe('iapeerd')
    expect(await ps('args')).toBe(`iapeerd --root ${root}`)
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('iapeerd\n')
    await stopDaemon(root)
  })

  it.runIf(process.platform === 'linux')(
    'ps shows a root that does not fit not at all, instead of truncated',
    async () => {
      const { directory, root, up } = newRoot('r'.repeat(200))
      const { pid } = await up({ IAPEER_SOCK_DIR: join(directory, 's') })
      const { stdout } = await run('ps', ['-o', 'comm=,args=', '-p', String(pid)])
      expect(stdout.trim().split(/\s+/)).toEqual(['iapeerd', 'iapeerd'])
      expect((await readLockHolder(daemonPaths(root).lock))?.pid).toBe(pid)
    },
  )

  it('several starts at once all return the same daemon', async () => {
    const { root } = newRoot()
    const all = await Promise.all(
      Array.from({ length: 5 }, () => startDaemon(root, { argv: [...program.argv] })),
    )
    expect(new Set(all.map(({ health }) => health.pid)).size).toBe(1)
    expect(all.filter(({ state }) => state === 'started')).toHaveLength(1)
    await stopDaemon(root)
  })

  it('a start that fails reports the reason', async () => {
    const { root } = newRoot()
    const env = { ...process.env, IAPEER_PORT: '1', IAPEER_BEARER_TOKEN: 'short' }
    await expect(startDaemon(root, { argv: [...program.argv], env })).rejects.toMatchObject({
      code: 'bad-setting',
    })
    await expect(startDaemon(root, { argv: ['/bin/true'] })).rejects.toMatchObject({ code: 'daemon-not-up' })
    await expect(startDaemon(root, { argv: ['/no/such/program'] })).rejects.toMatchObject({
      code: 'cannot-run',
    })
  })

  it.each([
    ['IAPEER_TICK_SECS', 'x'],
    ['IAPEER_LIFECYCLE_LOG_KEEP', '5000'],
    ['IAPEER_LIFECYCLE_LOG_MAX_BYTES', '-1'],
    ['IAPEER_WEBHOOK_URL', 'hooks.example/secret'],
    ['IAPEER_NOTIFY', 'perhaps'],
    ['IAPEER_RECORDS', 'never'],
  ])('the daemon does not start with %s=%s, and reports the variable', async (variable, value) => {
    const { root } = newRoot()
    const env = { ...process.env, [variable]: value }
    const started = startDaemon(root, { argv: [...program.argv], env })
    await expect(started).rejects.toMatchObject({
      code: 'bad-setting',
      message: expect.stringContaining(variable),
    })
  })

  it.runIf(process.platform === 'linux')('the daemon keeps no file open that it inherited', async () => {
    const { directory, root } = newRoot()
    const held = join(directory, 'held')
    const env = { ...process.env, IAPEER_ROOT: root }
    const script = `exec 25>${held} 31>${held}; exec ${process.execPath} ${MAIN}`
    expect((await run('bash', ['-c', script], { env })).exitCode).toBe(0)
    const status = await daemonStatus(root)
    if (status.state !== 'running') throw new Error(status.state)
    const open = readdirSync(`/proc/${status.pid}/fd`).map((fd) => {
      const path = `/proc/${status.pid}/fd/${fd}`
      return lstatSync(path, { throwIfNoEntry: false }) === undefined ? '' : readlinkSync(path)
    })
    expect(open).not.toContain(held)
    await stopDaemon(root)
  })

  it.runIf(isFullCampaign())('iapeerd without --foreground starts the daemon there', async () => {
    const { root } = newRoot()
    const env = { ...process.env, IAPEER_ROOT: root }
    const iapeerd = (...args: string[]) => run(process.execPath, [MAIN, ...args], { env })
    expect(await iapeerd()).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^iapeerd started: pid \d+\n$/),
    })
    expect(await iapeerd('--foreground')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/is already running: pid \d+, since /),
    })
    expect(await iapeerd('--nonsense')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/iapeerd --help/),
    })
    expect(await iapeerd('--version')).toMatchObject({ exitCode: 0, stdout: `${manifest.version}\n` })
    expect((await iapeerd('--help')).stdout).toMatch(/--foreground/)
    await stopDaemon(root)
  })

  it('an action on a daemon that hangs fails within two seconds, and is not carried out when the daemon continues', async () => {
    const { root, up } = newRoot()
    await peer(root, 'bob')
    const { pid, where } = await up()
    process.kill(pid, 'SIGSTOP')
    try {
      for (const ask of ['start', 'renew', 'start'] as const) {
        const client = await connectDaemon(root)
        const begun = performance.now()
        const unreachable = { code: 'daemon-unreachable', delivered: false }
        await expect(client?.[ask]('bob', {})).rejects.toMatchObject(unreachable)
        expect(performance.now() - begun).toBeLessThan(3_500)
      }
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    expect((await ask(where, '/healthz')).status).toBe(200)
    // A launch writes its first line within a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect((await ask(where, '/v1/peers/bob')).json()).toMatchObject({ state: 'not-running' })
    expect(existsSync(join(root, 'state', 'lifecycle', 'command-bob.session'))).toBe(false)
    expect(readFileSync(daemonPaths(root).log, 'utf8')).not.toContain('"level":50')
    const client = await connectDaemon(root)
    expect(await client?.start('bob', {})).toMatchObject({ state: 'launched' })
  })

  it('a read from a daemon that hangs fails as fast', async () => {
    const { root, up } = newRoot()
    const { pid, end } = await up()
    for (const route of ['fleet', 'deaths', 'version', 'events'] as const)
      expect(await (await connectDaemon(root))?.get(route)).toMatchObject({ schemaVersion: 2 })
    process.kill(pid, 'SIGSTOP')
    const client = await connectDaemon(root)
    const begun = performance.now()
    await expect(client?.get('fleet')).rejects.toMatchObject({ code: 'daemon-unreachable' })
    expect(performance.now() - begun).toBeLessThan(3_500)
    await end('SIGKILL')
  })

  it('an idle connection does not delay the stop of the daemon', async () => {
    const { root, up } = newRoot()
    await up()
    const client = await connectDaemon(root)
    const begun = performance.now()
    expect((await stopDaemon(root)).state).toBe('ended')
    expect(performance.now() - begun).toBeLessThan(3_000)
    client?.close()
  })

  it.runIf(isFullCampaign())(
    'a daemon that hangs is reported as unresponsive, and SIGKILL stops it',
    async () => {
      const { root, up } = newRoot()
      const { pid, end } = await up()
      process.kill(pid, 'SIGSTOP')
      const client = await connectDaemon(root)
      await expect(client?.health()).rejects.toMatchObject({ code: 'daemon-unreachable' })
      expect(await daemonStatus(root)).toMatchObject({ state: 'unresponsive', pid })
      await expect(stopDaemon(root, 100)).rejects.toMatchObject({ code: 'daemon-stuck' })
      expect(await end('SIGKILL')).toBe(null)
    },
  )
})

describe('malformed requests', () => {
  const HEAD = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n'
  const BAD = [
    '\0\0\0\0',
    'GET\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /healthz HTTP/1.1\r\n\r\n',
    `${HEAD}content-length: -1\r\n\r\n`,
    `${HEAD}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`,
    `${HEAD}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n`,
    `${HEAD}transfer-encoding: chunked\r\n\r\nZZ\r\n`,
    `${HEAD}x: ${'y'.repeat(20_000)}\r\n\r\n`,
    'GET http:// HTTP/1.1\r\nhost: localhost\r\n\r\n',
    'GET //// HTTP/1.1\r\nhost: localhost\r\n\r\n',
    'GET /v1/peers/%zz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    'GET /v1/peers/%00 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nhost: a b<>\r\nconnection: close\r\n\r\n',
    'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n',
    'GET /healthz HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'POST /v1/peers/x/start HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 3\r\nconnection: close\r\n\r\n{"\xff',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'POST /v1/peers/x/start HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc',
  ]

  const send = (socketPath: string, text: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(socketPath)
      let answer = ''
      const done = (): void => {
        socket.destroy()
        resolve(answer)
      }
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
        done()
      })
      socket.once('error', done).once('close', done).end(text, 'latin1')
    })

  it.runIf(isFullCampaign())(
    '10,000 of them are answered or disconnected, and the daemon keeps working',
    async () => {
      const { up } = newRoot()
      const { socketPath, where, end } = await up()
      const begun = performance.now()
      const statuses = new Set<string>()
      const worker = async (from: number): Promise<void> => {
        for (let at = from; at < 10_000; at += 50) {
          const answer = await send(socketPath, BAD[at % BAD.length] ?? '')
          statuses.add(answer.slice(9, 12))
        }
      }
      await Promise.all(Array.from({ length: 50 }, (_none, at) => worker(at)))
      expect(performance.now() - begun).toBeLessThan(25_000)
      expect(statuses).toContain('400')
      expect(statuses).not.toContain('500')
      const health = await ask(where, '/healthz')
      expect(health).toMatchObject({ status: 200 })
      const asked: Where = where
      expect((await ask(asked, '/metrics')).text).toMatch(/^process_open_fds \d\d$/m)
      expect(await end()).toBe(0)
    },
  )
})
