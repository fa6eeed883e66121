import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { agentLeafOf, readLeafKills, readLeafLimits } from '@iapeer/core/cgroup'
import { toIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import type { StatedLimits } from '@iapeer/core/limits'
import { rootRecordLocation } from '@iapeer/core/paths'
import { createPeer } from '@iapeer/core/registry'
import { asyncCleanups, isFullCampaign, privateDirectory, run, serverAt, until } from '@iapeer/dev/testing'
import {
  installService,
  runDoctor,
  type ServiceSpec,
  type ServiceSystem,
  SYSTEM_PATHS,
  serviceStatus,
  startDaemon,
  startService,
  stopDaemon,
  uninstallService,
} from '@iapeer/host'
import { deathViews } from '@iapeer/lifecycle/deaths'
import { listSessions, type PeerSession, statusOf } from '@iapeer/lifecycle/sessions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, MAIN, post } from './support.ts'
import { startUserManager, type UserManager, whyNoUserManager } from './user-manager.ts'

const UNIT = 'iapeerd.service'
const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
const why = await whyNoUserManager()
if (why !== undefined) process.stderr.write(`tests under a real systemd are skipped: ${why}\n`)

const track = asyncCleanups()
let manager: UserManager

interface Host {
  readonly root: string
  readonly directory: string
  readonly spec: ServiceSpec
  readonly system: ServiceSystem
  readonly unitFile: string
  readonly where: { readonly socketPath: string }
  readonly daemonPid: () => Promise<number | undefined>
  /** Creates a peer and starts it through the daemon. */
  readonly peer: (name: string, command?: readonly string[], limits?: StatedLimits) => Promise<PeerSession>
  readonly isRunning: (name: string) => Promise<boolean>
  /** Returns identity, cause and verdict of every death. */
  readonly deaths: () => Promise<string[]>
}

/** Creates a root. Its service and everything that the service started are removed after the test. */
function newHost(): Host {
  const directory = privateDirectory()
  const root = join(directory.path, 'root')
  const units = join(manager.home, '.config', 'systemd', 'user')
  const system: ServiceSystem = {
    platform: 'linux',
    env: manager.env,
    home: manager.home,
    uid: 0,
    user: 'root',
    temporaryDirectories: ['/nowhere'],
    lingerDir: join(manager.home, 'linger'),
  }
  const spec = { root, node: process.execPath, entry: MAIN, path: process.env['PATH'] ?? '' }
  const where = { socketPath: join(root, 'run', 'iapeerd.sock') }
  track(directory.remove)
  track(() => {
    const states = join(root, 'state', 'canary')
    return until('the guards to finish', () => !existsSync(states) || readdirSync(states).length === 0)
  })
  track(async () => {
    for (const { socketPath, server } of await listSessions(root))
      await serverAt(socketPath, server.pid).end()
  })
  track(() => uninstallService(root, system))
  const sessionOf = async (name: string) => (await statusOf(root, toIdentity(`command-${name}`))).session
  const peer: Host['peer'] = async (name, command = ['sleep', '1000'], limits = {}) => {
    await createPeer(root, {
      personality: toPersonality(name),
      defaultRuntime: toRuntime('command'),
      command,
      limits,
    })
    const answer = await post(where, `/v1/peers/${name}/start`)
    const session = await sessionOf(name)
    if (session === undefined) throw new Error(`${name} was not started: ${answer.text}`)
    return session
  }
  return {
    root,
    directory: directory.path,
    spec,
    system,
    unitFile: join(units, UNIT),
    where,
    daemonPid: async () => (await serviceStatus(root, system)).pid,
    peer,
    isRunning: async (name) => {
      const session = await sessionOf(name)
      return session !== undefined && serverAt(session.socketPath, session.server.pid).alive()
    },
    deaths: async () =>
      (await deathViews(root)).map(
        ({ identity, cause, verdict, incident }) =>
          `${identity} ${cause} ${verdict}${incident === undefined ? '' : ' incident'}`,
      ),
  }
}

/** Waits until the daemon runs as another process and has sent READY=1: before that, its watchdog is not active. */
const another = (host: Host, pid: number | undefined) =>
  until(
    'another daemon',
    async () => {
      const now = await serviceStatus(host.root, host.system)
      return now.active && now.pid !== pid
    },
    20_000,
  )

const signal = (pid: number | undefined, name: NodeJS.Signals) => process.kill(pid ?? Number.NaN, name)

describe.skipIf(why !== undefined)('under the user manager of systemd', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    manager = await startUserManager()
    const dropIns = join(manager.home, '.config', 'systemd', 'user', `${UNIT}.d`)
    mkdirSync(dropIns, { recursive: true })
    const quick = [
      '[Unit]',
      'StartLimitIntervalSec=0',
      '[Service]',
      'WatchdogSec=4',
      'RestartSec=300ms',
      'LimitCORE=0',
    ]
    writeFileSync(join(dropIns, 'quick.conf'), `${quick.join('\n')}\n`)
  })
  afterAll(() => manager?.end())

  it('the service answers after its installation, and is restarted after a kill and a hang; peers keep running until after its removal', async () => {
    const host = newHost()
    const { root, spec, system } = host
    expect(await installService(spec, system)).toMatchObject({ state: 'installed' })
    // No wait is needed: the daemon has sent READY=1 to systemd.
    expect((await ask(host.where, '/healthz')).status).toBe(200)
    const first = await host.daemonPid()
    expect(await serviceStatus(root, system)).toMatchObject({ installed: true, enabled: true, active: true })
    expect(await manager.property(UNIT, 'MainPID')).toBe(String(first))
    const { stdout: shown } = await run('ps', ['-o', 'comm=,args=', '-p', String(first)])
    expect(shown.trim().split(/\s+/)).toEqual(['iapeerd', 'iapeerd', '--root', root])
    const { server } = await host.peer('bob')
    expect(manager.unitOf(server.pid)).toMatch(/^iapeer-command-bob-[0-9a-f]{16}\.scope$/)
    expect(await installService(spec, system)).toMatchObject({ state: 'already', tookOverFrom: undefined })
    expect(await host.daemonPid()).toBe(first)

    signal(first, 'SIGKILL')
    await another(host, first)
    const second = await host.daemonPid()
    signal(second, 'SIGSTOP')
    await another(host, second)
    expect(await host.isRunning('bob')).toBe(true)

    await manager.systemctl('stop', UNIT)
    expect(await serviceStatus(root, system)).toMatchObject({
      active: false,
      managerState: 'inactive',
      why: undefined,
    })
    expect(await host.isRunning('bob')).toBe(true)
    expect(await startService(root, system)).toBe(true)
    await manager.systemctl('restart', UNIT)
    expect((await ask(host.where, '/healthz')).status).toBe(200)
    await uninstallService(root, system)
    expect(await manager.property(UNIT, 'ActiveState')).toBe('inactive')
    expect(existsSync(host.unitFile)).toBe(false)
    expect(await manager.property('default.target', 'Wants')).not.toContain(UNIT)
    expect(await host.isRunning('bob')).toBe(true)
    expect(await host.deaths()).toEqual([])
  })

  it('the verdict on a peer whose scope is stopped is terminated', async () => {
    const host = newHost()
    await installService(host.spec, host.system)
    const { server } = await host.peer('bob')
    await manager.systemctl('stop', manager.unitOf(server.pid))
    await until('its record', async () => (await host.deaths()).length === 1)
    expect(await host.deaths()).toEqual(['command-bob exited terminated'])
  })

  it('a program that exceeds the memory limit of its peer is killed, and the peer lives; if that is the agent, the verdict is its limit', async () => {
    if (!manager.limitsMemory) return
    const host = newHost()
    await installService(host.spec, host.system)
    const go = (name: string): string => join(host.directory, `go-${name}`)
    const waiting = (name: string): string => `until [ -e '${go(name)}' ]; do sleep 0.05; done;`
    const limits = { memory: '48M', tasks: 64 }
    const parent = await host.peer(
      'parent',
      ['sh', '-c', `${waiting('parent')} tail /dev/zero; sleep 1000`],
      limits,
    )
    const hog = await host.peer('hog', ['sh', '-c', `${waiting('hog')} exec tail /dev/zero`], limits)
    const leaves = await Promise.all([parent, hog].map(({ leader }) => agentLeafOf(leader.pid)))
    const [leaf] = leaves
    if (leaf === undefined) throw new Error('the leader has no cgroup of its own')
    expect(leaf.unit).toBe(manager.unitOf(parent.server.pid))
    expect(await readLeafLimits(leaf)).toEqual({ memory: 48 * 2 ** 20, tasks: 64 })
    expect(readFileSync(`/proc/${parent.leader.pid}/oom_score_adj`, 'utf8')).not.toBe(
      readFileSync(`/proc/${parent.server.pid}/oom_score_adj`, 'utf8'),
    )

    writeFileSync(go('parent'), '')
    await until('the kernel to kill the child', async () => (await readLeafKills(leaf)) === 1)
    expect([await host.isRunning('parent'), await host.deaths()]).toEqual([true, []])

    writeFileSync(go('hog'), '')
    // The recorder writes the snapshot, with the evidence, after the line.
    await until('its verdict', async () =>
      /^command-hog \S+ cgroup-oom$/.test((await host.deaths())[0] ?? ''),
    )
    expect(await host.deaths()).toHaveLength(1)
    expect([await host.isRunning('parent'), await host.isRunning('hog')]).toEqual([true, false])
  })

  it.runIf(isFullCampaign())(
    'an installation stops a daemon in the background, and the daemon of the service supervises its peers',
    async () => {
      const host = newHost()
      const { root, spec, system } = host
      const { health } = await startDaemon(root, { argv: [process.execPath, MAIN], env: manager.env })
      track(() => stopDaemon(root))
      await host.peer('bob')
      expect(await installService(spec, system)).toMatchObject({
        state: 'installed',
        tookOverFrom: health.pid,
      })
      const { active, pid } = await serviceStatus(root, system)
      expect([active, pid === health.pid]).toEqual([true, false])
      expect(await host.isRunning('bob')).toBe(true)
      await manager.systemctl('stop', UNIT)
      const other = await startDaemon(root, { argv: [process.execPath, MAIN], env: manager.env })
      await manager.systemctl('start', UNIT)
      const otherDaemon = other.health.pid
      expect(await serviceStatus(root, system)).toMatchObject({ active: false, otherDaemon })
      expect(await findings(host)).toContain('service-kept-out')
      expect(await installService(spec, system)).toMatchObject({
        state: 'already',
        tookOverFrom: otherDaemon,
      })
      expect(await serviceStatus(root, system)).toMatchObject({ active: true, otherDaemon: undefined })
    },
  )

  it.runIf(isFullCampaign())(
    'the status names a Node.js that does not exist any more, and a foreign unit, which is not changed',
    async () => {
      const host = newHost()
      const { root, spec, system, unitFile, directory } = host
      const node = join(directory, '100% node')
      symlinkSync(process.execPath, node)
      await installService({ ...spec, node }, system)
      await host.peer('bob')
      rmSync(node)
      expect(await serviceStatus(root, system)).toMatchObject({ active: true, missingProgram: node })
      signal(await host.daemonPid(), 'SIGKILL')
      await until(
        'the state of systemd',
        async () => (await serviceStatus(root, system)).why === 'its program cannot be run',
      )
      expect(await findings(host)).toContain('service-program-gone')
      const dropIn = join(`${unitFile}.d`, 'other.conf')
      track(() => rmSync(dropIn, { force: true }))
      writeFileSync(dropIn, '[Service]\nExecStart=\nExecStart=/bin/sleep 1000\n')
      await manager.systemctl('daemon-reload')
      expect((await serviceStatus(root, system)).missingProgram).toBeUndefined()
      rmSync(dropIn)
      await manager.systemctl('daemon-reload')
      expect(await host.isRunning('bob')).toBe(true)
      expect(await installService(spec, system)).toMatchObject({ state: 'updated' })
      await uninstallService(root, system)

      const elsewhere = join(manager.home, '.local', 'share', 'systemd', 'user', UNIT)
      for (const path of [unitFile, elsewhere]) {
        const text = '[Service]\nExecStart=/bin/sleep 1000\n'
        mkdirSync(join(path, '..'), { recursive: true })
        writeFileSync(path, text)
        track(() => rmSync(path, { force: true }))
        await manager.systemctl('daemon-reload')
        await manager.systemctl('start', UNIT)
        const pid = await manager.property(UNIT, 'MainPID')
        await expect(installService(spec, system)).rejects.toMatchObject({ code: 'service-not-ours' })
        expect(await serviceStatus(root, system)).toMatchObject({ installed: false, foreign: true, path })
        expect([readFileSync(path, 'utf8'), await manager.property(UNIT, 'MainPID')]).toEqual([text, pid])
        await manager.systemctl('stop', UNIT)
        rmSync(path)
        await manager.systemctl('daemon-reload')
      }
    },
  )

  it('an upgrade while the daemon is running disarms no recorder, and later deaths are recorded', async () => {
    const host = newHost()
    const { root, system } = host
    const installed = join(host.directory, 'installed')
    const later = join(host.directory, 'later')
    for (const directory of [installed, later]) copyInstall(directory)
    const spec = {
      ...host.spec,
      entry: join(installed, 'apps', 'daemon', 'dist', 'main.js'),
      version: '0.1.0',
    }
    await installService(spec, system)
    const first = await host.daemonPid()
    for (const name of ['ann', 'bob']) await host.peer(name)
    rmSync(installed, { recursive: true })
    renameSync(later, installed)
    setVersion(installed, '0.1.1')
    expect(await installService({ ...spec, version: '0.1.1' }, system)).toMatchObject({ state: 'updated' })
    await another(host, first)
    expect((await ask(host.where, '/healthz')).json()).toMatchObject({ version: '0.1.1' })
    const eva = await host.peer('eva')
    const { session: ann } = await statusOf(root, toIdentity('command-ann'))
    const { session: bob } = await statusOf(root, toIdentity('command-bob'))
    signal(ann?.server.pid, 'SIGKILL')
    signal(bob?.leader.pid, 'SIGKILL')
    signal(eva.server.pid, 'SIGKILL')
    await until('three records', async () => (await host.deaths()).length === 3)
    expect((await host.deaths()).map((line) => line.split(' ')[0]).sort()).toEqual(
      ['ann', 'bob', 'eva'].map((name) => `command-${name}`),
    )
  })

  it.runIf(isFullCampaign())(
    'a logout kills all peers; each death has the verdict terminated, and together they are one incident',
    async () => {
      const host = newHost()
      await installService(host.spec, host.system)
      const names = ['ann', 'bob', 'eva', 'kim']
      for (const name of names) await host.peer(name)
      await manager.exit()
      const { stateDir } = rootRecordLocation(host.root)
      await until('the guards to finish', () => readdirSync(join(stateDir, 'canary')).length === 0)
      expect((await host.deaths()).sort()).toEqual(
        names.map((name) => `command-${name} exited terminated incident`),
      )
    },
  )
})

const findings = async ({ root, system }: Host): Promise<string[]> => {
  const context = {
    root,
    system,
    paths: SYSTEM_PATHS,
    now: new Date(),
    nodeVersion: process.versions.node,
    fix: false,
  }
  return (await runDoctor(context)).flatMap((check) => check.findings.map(({ id }) => id))
}

const PACKAGES = [
  'apps/daemon',
  ...['core', 'canary', 'tmux', 'forensics', 'lifecycle'].map((name) => `packages/${name}`),
]

/** Copies the built packages in the layout of this repository, and links the dependencies. */
function copyInstall(directory: string): void {
  for (const name of PACKAGES) {
    const wanted = ['dist', 'package.json', 'node_modules'].map((part) => join(REPOSITORY, name, part))
    const filter = (path: string): boolean => !/node_modules\/\.[^/]+$/.test(path)
    for (const from of wanted)
      if (existsSync(from))
        cpSync(from, join(directory, from.slice(REPOSITORY.length)), {
          recursive: true,
          verbatimSymlinks: true,
          filter,
        })
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'))
}

/** Replaces the version in the built files. */
function setVersion(directory: string, version: string): void {
  const dist = join(directory, 'apps', 'daemon', 'dist')
  for (const name of readdirSync(dist).filter((one) => one.endsWith('.js'))) {
    const text = readFileSync(join(dist, name), 'utf8')
    const changed = text.replace(/(name: "@iapeer\/daemon",\s+version: )"[^"]+"/, `$1"${version}"`)
    expect(changed).not.toBe(text)
    writeFileSync(join(dist, name), changed)
  }
}
