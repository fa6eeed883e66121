import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listCanaries } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, observeProcess } from '@iapeer/core/process'
import { isFullCampaign, serverAt, until } from '@iapeer/dev/testing'
import { answeringDaemon, renderSystemdUnit, stopDaemon } from '@iapeer/host'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { afterEach, expect, it } from 'vitest'
import { homes, jsonLines } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

function newFleet() {
  const home = newHome()
  const { root, iapeer } = home
  roots.push(root)
  const ok = async (...args: string[]): Promise<string> => {
    const done = await iapeer(...args)
    expect([args, done.exitCode]).toEqual([args, 0])
    return done.stdout
  }
  const pid = async () => (await answeringDaemon(root))?.health.pid
  const session = async (name: string) =>
    (await listSessions(root)).find(({ identity }) => identity === `command-${name}`)
  /** Servers, programs and recorders with their pids, in a fixed order. */
  const processes = async () => {
    const sessions = await listSessions(root)
    const recorders = await listCanaries(rootRecordLocation(root))
    return [
      ...sessions.map(({ identity, server, leader }) => `${identity} ${server.pid} ${leader.pid}`),
      ...recorders.map(
        ({ identity, mode, state, recorderPid }) => `${identity} ${mode} ${state} ${recorderPid}`,
      ),
    ].sort()
  }
  const deaths = async () => jsonLines(await ok('deaths', '--json')).map(({ identity }) => identity)
  return { ...home, ok, pid, session, processes, deaths }
}

it('daemon restart replaces the daemon; peers, servers and recorders go on, and deaths are recorded and restarted', async () => {
  const { ok, pid, session, processes, deaths, server } = newFleet()
  await ok('create', 'ann', '--restart', 'on-failure', '--', 'sleep', '1000')
  await ok('create', 'bob', '--', 'sleep', '1000')
  const watched = await server('own')
  await ok('watch', watched.socketPath, '--keep')
  await ok('daemon', 'start')
  for (const name of ['ann', 'bob']) await ok('start', name)
  const before = await processes()
  expect(before).toHaveLength(5)
  const old = await identifyProcess((await pid()) ?? Number.NaN)
  if (old === undefined) throw new Error('the daemon is not running')

  const printed = await ok('daemon', 'restart')
  const now = await pid()
  expect(printed).toBe(`● the daemon is restarted: pid ${now}; 2 peers keep running\n`)
  expect(now).not.toBe(old.pid)
  expect(await observeProcess(old)).toBe('gone')
  expect(await processes()).toEqual(before)
  expect(await deaths()).toEqual([])

  const first = await session('ann')
  process.kill(first?.leader.pid ?? Number.NaN, 'SIGKILL')
  const again = await until(
    'the restart of ann by the new daemon',
    async () => {
      const found = await session('ann')
      return found !== undefined && found.leader.pid !== first?.leader.pid ? found : undefined
    },
    20_000,
  )
  expect(serverAt(again.socketPath, again.server.pid).alive()).toBe(true)
  const bob = await session('bob')
  if (bob === undefined) throw new Error('bob is not running')
  serverAt(bob.socketPath, bob.server.pid).kill('SIGKILL')
  watched.kill('SIGKILL')
  await until('the records', async () => (await deaths()).length === 3, 20_000)
  expect((await deaths()).sort()).toEqual(['command-ann', 'command-bob', expect.stringMatching(/^tmux-/)])
}, 60_000)

it.runIf(isFullCampaign())(
  'a restart that was planned before is carried out once by the new daemon',
  async () => {
    const { ok, session, deaths } = newFleet()
    await ok('create', 'ann', '--restart', 'on-failure', '--', 'sleep', '1000')
    await ok('daemon', 'start')
    await ok('start', 'ann')
    const first = await session('ann')
    process.kill(first?.leader.pid ?? Number.NaN, 'SIGKILL')
    await ok('daemon', 'restart')
    await until(
      'the restart of ann',
      async () => {
        const found = await session('ann')
        return found !== undefined && found.leader.pid !== first?.leader.pid
      },
      20_000,
    )
    expect(await deaths()).toEqual(['command-ann'])
    const events = jsonLines(await ok('events', '--peer', 'ann', '--json'))
    expect(events.filter(({ ev }) => ev === 'launch')).toHaveLength(2)
  },
  60_000,
)

it('a daemon that was not running is started, and the output says so', async () => {
  const { ok, pid } = newFleet()
  const printed = JSON.parse(await ok('daemon', 'restart', '--json'))
  expect(printed).toMatchObject({ schemaVersion: 2, state: 'started', pid: await pid() })
  expect(JSON.parse(await ok('daemon', 'restart', '--json'))).toMatchObject({ state: 'restarted' })
})

it.runIf(isFullCampaign())(
  'a daemon that does not exit is an error, no second one is started, and the peers go on',
  async () => {
    const { ok, iapeer, pid, processes } = newFleet()
    await ok('create', 'bob', '--', 'sleep', '1000')
    await ok('daemon', 'start')
    await ok('start', 'bob')
    const before = await processes()
    const old = (await pid()) ?? Number.NaN
    process.kill(old, 'SIGSTOP')
    try {
      const done = await iapeer('daemon', 'restart')
      expect(done).toMatchObject({ exitCode: 1, stdout: '' })
      expect(done.stderr).toMatch(
        new RegExp(
          `^iapeer: the daemon \\(pid ${old}\\) did not exit within 10 s\n {2}kill -9 ${old} stops it`,
        ),
      )
      expect(await processes()).toEqual(before)
    } finally {
      process.kill(old, 'SIGCONT')
    }
  },
  60_000,
)

it.runIf(process.platform === 'linux')(
  'a daemon whose service names a program that is gone is not stopped, and the error says what to do',
  async () => {
    const { ok, pid, path, root, iapeerWith } = newFleet()
    await ok('daemon', 'start')
    const before = await pid()
    const directory = join(path, 'config', 'systemd', 'user')
    mkdirSync(directory, { recursive: true })
    const entry = join(path, 'removed', 'iapeerd.js')
    const spec = { root, node: process.execPath, entry, path: '/usr/bin:/bin' }
    writeFileSync(join(directory, 'iapeerd.service'), renderSystemdUnit(spec))
    const systemctl = '#!/bin/sh\ncase "$*" in *=Version) echo Version=252 ;; esac\n'
    mkdirSync(join(path, 'bin'))
    writeFileSync(join(path, 'bin', 'systemctl'), systemctl, { mode: 0o755 })
    const env = {
      XDG_CONFIG_HOME: join(path, 'config'),
      PATH: `${join(path, 'bin')}:${process.env['PATH']}`,
    }
    const done = await iapeerWith(env, 'daemon', 'restart')
    expect(done).toMatchObject({ exitCode: 1, stdout: '' })
    expect(done.stderr).toBe(
      `iapeer: the service cannot start the daemon again: ${entry} does not exist any more; nothing was stopped\n  Write the service anew, which also restarts the daemon: iapeer service install\n`,
    )
    expect(await pid()).toBe(before)
  },
)
