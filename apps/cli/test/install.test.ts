import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { daemonPaths } from '@iapeer/core/paths'
import {
  asyncCleanups,
  type Finished,
  isFullCampaign,
  npmInstall,
  packPackages,
  privateDirectory,
  run,
  serverAt,
  until,
} from '@iapeer/dev/testing'
import { stopDaemon } from '@iapeer/host'
import { listSessions, type PeerSession } from '@iapeer/lifecycle/sessions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { besides, homes, jsonLines } from './support.ts'

const newHome = homes()
const track = asyncCleanups()
const directory = privateDirectory()
afterAll(directory.remove)

let tarball = ''
let unreachable: string | undefined
beforeAll(async () => {
  tarball = (await packPackages(['apps/cli'], directory.path)).get('@iapeer/cli') ?? ''
  // Fills npm's cache for the installations of the tests.
  unreachable = await npmInstall(
    ['--global', '--prefix', join(directory.path, 'first'), tarball],
    directory.path,
  )
}, 180_000)

interface Installation {
  readonly root: string
  readonly directory: string
  readonly iapeer: (...args: string[]) => Promise<Finished>
  readonly ok: (...args: string[]) => Promise<string>
  readonly install: () => Promise<void>
  readonly uninstall: () => void
  readonly session: (name: string) => Promise<PeerSession>
}

/** Installs the packed command under a private prefix, home and root. */
async function installation(skip: (why: string) => void): Promise<Installation> {
  if (unreachable !== undefined) skip(unreachable)
  const { path, root, env } = newHome()
  const prefix = join(path, 'prefix')
  const home = join(path, 'home')
  mkdirSync(home)
  const { npm_config_prefix: _prefix, ...rest } = env
  const iapeer: Installation['iapeer'] = (...args) =>
    run(join(prefix, 'bin', 'iapeer'), args, { env: { ...rest, HOME: home }, cwd: home })
  const install = async (): Promise<void> => {
    expect(await npmInstall(['--global', '--prefix', prefix, tarball], home)).toBeUndefined()
  }
  track(() => stopDaemon(root))
  await install()
  return {
    root,
    directory: join(prefix, 'lib', 'node_modules', '@iapeer', 'cli'),
    iapeer,
    ok: async (...args) => {
      const done = await iapeer(...args)
      expect([args, done.exitCode, besides(done.stderr)]).toEqual([args, 0, ''])
      return done.stdout
    },
    install,
    uninstall: () => rmSync(prefix, { recursive: true }),
    session: async (name) => {
      const found = (await listSessions(root)).find(({ identity }) => identity === `command-${name}`)
      if (found === undefined) throw new Error(`${name} is not running`)
      return found
    },
  }
}

const killServer = (session: PeerSession) => serverAt(session.socketPath, session.server.pid).kill('SIGKILL')

/** Kills a server together with its guard, so that the death is found later: `recorder-lost`. */
async function killWithGuard(root: string, session: PeerSession): Promise<void> {
  const location = {
    recordDir: join(root, 'logs', 'iapeer'),
    stateDir: join(root, 'state'),
    libDir: join(root, 'lib'),
  }
  const guard = (await listCanaries(location)).find(({ identity }) => identity === session.identity)
  if (guard === undefined) throw new Error(`${session.identity} has no guard`)
  process.kill(guard.recorderPid, 'SIGKILL')
  killServer(session)
}

/** Returns identity, event and verdict of every recorded death. */
async function deaths(ok: Installation['ok']): Promise<string[]> {
  const found = jsonLines(await ok('deaths', '--json'))
  return found.map(({ identity, event, verdict }) => `${identity} ${event} ${verdict}`).sort()
}

describe('the packed command, installed alone', () => {
  it('contains all of this repository’s code in one package', async ({ skip }) => {
    const { directory, ok } = await installation(skip)
    expect(readdirSync(join(directory, '..'))).toEqual(['cli'])
    expect(existsSync(join(directory, 'node_modules', '@iapeer'))).toBe(false)
    expect(existsSync(join(directory, 'LICENSE'))).toBe(true)
    expect(await ok('--version')).toBe(`${manifest.version}\n`)
  }, 120_000)

  it.runIf(isFullCampaign())(
    'creates, starts, records, explains, and runs the daemon',
    async ({ skip }) => {
      const { root, directory, ok, iapeer, session } = await installation(skip)
      await ok('create', 'bob', '--', 'sleep', '1000')
      await ok('start', 'bob')
      const first = await session('bob')
      process.kill(first.leader.pid, 'SIGKILL')
      await until('the record', async () => (await deaths(ok)).length === 1)
      expect(await ok('autopsy', 'bob')).toMatch(/SIGKILL/)
      expect(JSON.parse(await ok('autopsy', 'bob', '--json'))).toMatchObject({
        id: `command-bob-${first.gen}`,
        verdict: 'killed-by-signal',
      })
      await ok('start', 'bob')
      killServer(await session('bob'))
      await until('the record', async () => (await deaths(ok)).length === 2)
      expect(await ok('autopsy', 'bob')).toMatch(/the tmux server was killed by SIGKILL/)

      expect(await ok('daemon', 'start')).toMatch(/^● the daemon is running: pid \d+\n$/)
      const { pid } = JSON.parse(await ok('daemon', 'status', '--json'))
      if (process.platform === 'linux') {
        const ps = async (field: string) =>
          (await run('ps', ['-o', `${field}=`, '-p', `${pid}`])).stdout.trim()
        expect(await ps('comm')).toBe('iapeerd')
        expect(await ps('args')).toBe(`iapeerd --root ${root}`)
      }
      await ok('start', 'bob')
      await ok('stop', 'bob')
      expect(await ok('daemon', 'stop')).toBe(`○ the daemon (pid ${pid}) is stopped\n`)
      const { stdout: unit } = await iapeer('service', 'install', '--print')
      expect(unit).toContain(join(directory, 'dist', 'iapeerd.js'))
      expect(await ok('demo')).toMatch(/All processes and files of the demo are removed/)
    },
    120_000,
  )

  it.runIf(isFullCampaign())(
    'can be removed while peers and the daemon are running: every death is recorded, and the next install explains it',
    async ({ skip }) => {
      const { root, ok, session, uninstall, install } = await installation(skip)
      const names = ['ann', 'bob', 'cid', 'dan', 'eve']
      for (const name of names) await ok('create', name, '--', 'sleep', '1000')
      for (const name of names) if (name !== 'eve') await ok('start', name)
      const [ann, bob, cid, dan] = await Promise.all(names.slice(0, 4).map(session))
      if (!ann || !bob || !cid || !dan) throw new Error('not all peers are running')
      await ok('daemon', 'start')
      const { pid } = JSON.parse(await ok('daemon', 'status', '--json'))
      uninstall()

      process.kill(ann.leader.pid, 'SIGKILL')
      killServer(bob)
      await killWithGuard(root, cid)
      // A launch, a stop and another launch: the daemon has not loaded this code before.
      const post = (path: string) => askDaemon(daemonPaths(root).defaultSocket, 'POST', path)
      expect(await post('/v1/peers/eve/start')).toMatchObject({ status: 200 })
      expect(await post('/v1/peers/eve/stop')).toMatchObject({ status: 200 })
      expect(await post('/v1/peers/eve/start')).toMatchObject({ status: 200 })
      const seen = await until(
        'the three deaths',
        async () => {
          const { text } = await askDaemon(daemonPaths(root).defaultSocket, 'GET', '/v1/deaths')
          const found: { deaths: { identity: string; verdict: string }[] } = JSON.parse(text)
          return found.deaths.length === 3 ? found.deaths : undefined
        },
        30_000,
      )
      expect(seen.map(({ identity }) => identity).sort()).toEqual([
        'command-ann',
        'command-bob',
        'command-cid',
      ])
      for (const path of ['/v1/fleet', '/healthz', '/metrics', '/openapi.json', '/v1/peers/dan'])
        expect(await askDaemon(daemonPaths(root).defaultSocket, 'GET', path)).toMatchObject({ status: 200 })
      expect(await post('/v1/peers/Eve/start')).toMatchObject({ status: 404 })
      expect(await post('/v1/nothing')).toMatchObject({ status: 404 })
      expect(serverAt(dan.socketPath, dan.server.pid).alive()).toBe(true)
      const log = readFileSync(daemonPaths(root).log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(log.filter(({ level }) => level >= 40)).toEqual([])

      await install()
      expect(JSON.parse(await ok('daemon', 'status', '--json'))).toMatchObject({ state: 'running', pid })
      expect(await deaths(ok)).toEqual([
        'command-ann session-exit killed-by-signal',
        'command-bob server-exit killed-by-signal',
        'command-cid server-exit recorder-lost',
      ])
      for (const name of ['ann', 'bob', 'cid']) expect(await ok('autopsy', name)).toContain(`command-${name}`)
      expect(await ok('daemon', 'stop')).toContain(`(pid ${pid}) is stopped`)
      expect(await ok('stop', 'dan')).toBe('○ dan is stopped\n')
      expect(await ok('stop', 'eve')).toBe('○ eve is stopped\n')
    },
    180_000,
  )

  it.runIf(isFullCampaign())(
    'can be removed while no daemon is running: the next install records the deaths that no recorder has recorded',
    async ({ skip }) => {
      const { root, ok, session, uninstall, install } = await installation(skip)
      for (const name of ['ann', 'bob', 'cid']) {
        await ok('create', name, '--', 'sleep', '1000')
        await ok('start', name)
      }
      const [ann, bob, cid] = await Promise.all(['ann', 'bob', 'cid'].map(session))
      if (!ann || !bob || !cid) throw new Error('not all peers are running')
      uninstall()
      process.kill(ann.leader.pid, 'SIGKILL')
      killServer(bob)
      await killWithGuard(root, cid)
      const exits = join(root, 'logs', 'iapeer', 'exits.log')
      // The death of ann is usually recorded too; if tmux has lost the SIGCHLD, the next command records it.
      await until(
        'the record of bob',
        () => existsSync(exits) && readFileSync(exits, 'utf8').includes('identity=command-bob '),
      )
      await install()
      expect(await deaths(ok)).toEqual([
        'command-ann session-exit killed-by-signal',
        'command-bob server-exit killed-by-signal',
        'command-cid server-exit recorder-lost',
      ])
    },
    180_000,
  )
})

function askDaemon(
  socketPath: string,
  method: string,
  path: string,
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false, timeout: 30_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.once('end', () => resolve({ status: response.statusCode, text }))
    })
    sent.once('error', reject).end()
  })
}
