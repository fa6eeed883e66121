import {
  appendFileSync,
  existsSync,
  lstatSync,
  lutimesSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { observeProcess } from '@iapeer/core/process'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { ensureCanary, reconcile } from '../src/index.ts'
import { terminateProcess } from '../src/process/terminate-process.ts'
import {
  deathOf,
  exited,
  exits,
  guarded,
  killRecorder,
  lifecycle,
  linesOf,
  recordOf,
  roots,
  startFixture,
  statusOf,
  type Watched,
  watched,
} from './support.ts'

const newRoot = roots()

describe('a recorder that is killed', () => {
  it('with its server: exactly one recorder-lost at the next reconcile', async () => {
    const bob = await watched(newRoot())
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    expect(await reconcile(bob)).toEqual([{ identity: 'claude-bob', gen: bob.gen, outcome: 'recorded' }])
    expect(await deathOf(bob)).toMatchObject({
      cause: 'recorder-lost',
      mode: 'none',
      wait_rc: 'unknown',
      recorder: 'none',
    })
    expect(await reconcile(bob)).toEqual([])
    await deathOf(bob)
  })

  it.runIf(isFullCampaign())(
    'with its server: exactly one recorder-lost at the next ensureCanary, even if a successor is running',
    async () => {
      const root = newRoot()
      const bob = await watched(root)
      await killRecorder(bob)
      bob.server.kill('SIGKILL')
      await bob.server.gone()
      const successor = await root.server(bob.server.socketPath)
      const armed = await ensureCanary({ ...bob, socketPath: bob.server.socketPath })
      expect(armed).toMatchObject({ state: 'spawned', serverPid: successor.pid })
      expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost' })
      expect(exits(root.recordDir)).toHaveLength(1)
    },
  )

  it('without its server: the next ensureCanary logs it once and arms the same generation again', async () => {
    const bob = await watched(newRoot())
    const orphan = recordOf(bob)?.client?.pid
    await killRecorder(bob)
    expect(await statusOf(bob)).toMatchObject({ state: 'lost' })
    expect(await reconcile(bob)).toEqual([{ identity: 'claude-bob', gen: bob.gen, outcome: 'unwatched' }])
    expect(await ensureCanary({ ...bob, socketPath: bob.server.socketPath })).toMatchObject({
      state: 'spawned',
      gen: bob.gen,
    })
    await until('the orphaned client to exit', () => !existsSync(`/proc/${orphan}`))
    expect(lifecycle(bob.recordDir).filter((line) => line['state'] === 'recorder-lost')).toHaveLength(1)
    expect(exits(bob.recordDir)).toEqual([])
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })

  it('without its server: the next reconcile stops its client, and no other process', async () => {
    const root = newRoot()
    const bob = await watched(root)
    const eva = await watched(root, { identity: 'claude-eva', socketPath: root.socket('e') })
    const [orphan, other] = [bob, eva].map((one) => recordOf(one)?.client)
    if (orphan === undefined || other === undefined) throw new Error('a watch has no client')
    await killRecorder(bob)
    expect(await observeProcess(orphan)).toBe('alive')
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'unwatched' }, { outcome: 'watching' }])
    await until('the exit of the client', async () => (await observeProcess(orphan)) === 'gone')
    expect(await observeProcess(other)).toBe('alive')
    expect(bob.server.alive()).toBe(true)
    expect(await statusOf(bob)).toMatchObject({ state: 'lost' })
  })

  it('without its server: a process that has the pid of its client now is not stopped', async () => {
    const bob = await watched(newRoot())
    const client = recordOf(bob)?.client
    if (client === undefined) throw new Error('the watch has no client')
    await killRecorder(bob)
    const path = join(bob.recordDir, 'state', 'canary', `${bob.identity}-${bob.gen}`)
    const stated = /^client=.*$/m
    expect(readFileSync(path, 'utf8')).toMatch(stated)
    writeFileSync(path, readFileSync(path, 'utf8').replace(stated, `client=${client.pid}:1`))
    await reconcile(bob)
    expect(await observeProcess(client)).toBe('alive')
    await terminateProcess(client)
  })

  it('before a reboot: exactly one host-reboot', async () => {
    const bob = await watched(newRoot())
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    const path = join(bob.recordDir, 'state', 'canary', `${bob.identity}-${bob.gen}`)
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/^boot=.*$/m, 'boot=00000000-0000-0000-0000-000000000000/1'),
    )
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'host-reboot', mode: 'none' })
  })
})

/** Kills a recorder between its claim and its line. */
async function claimedOnly(of: Watched): Promise<void> {
  const recorder = recordOf(of)?.recorder
  await killRecorder(of)
  of.server.kill('SIGKILL')
  await of.server.gone()
  const target = `rc=1,ev=server,rec=${recorder?.pid}:${recorder?.token},ts=1781106127113`
  const deaths = join(of.recordDir, 'server-deaths')
  symlinkSync(target, join(deaths, `${of.identity}-${of.gen}.claim`))
}

describe('a recorder killed between claim and line', () => {
  it('is completed once, with the facts of the claim', async () => {
    const bob = await watched(newRoot())
    await claimedOnly(bob)
    expect(await reconcile(bob)).toEqual([{ identity: 'claude-bob', gen: bob.gen, outcome: 'completed' }])
    expect(await deathOf(bob)).toMatchObject({
      ts: '2026-06-10T15:42:07.113Z',
      cause: 'server-vanished',
      mode: 'watch',
      wait_rc: '1',
    })
    expect(await reconcile(bob)).toEqual([])
  })

  it('is completed once by eight reconcilers at once', async () => {
    const bob = await watched(newRoot())
    await claimedOnly(bob)
    const children = Array.from({ length: 8 }, () =>
      startFixture('reconcile.mjs', { recordDir: bob.recordDir }),
    )
    await Promise.all(children.map((child) => linesOf(child)('[')))
    await Promise.all(children.map(exited))
    await deathOf(bob)
    expect(
      lstatSync(join(bob.recordDir, 'server-deaths', `${bob.identity}-${bob.gen}.claim.takeover1`), {
        throwIfNoEntry: false,
      }),
    ).toBeUndefined()
  })

  it('is completed without its state file, and after another completer was killed', async () => {
    const bob = await watched(newRoot())
    await claimedOnly(bob)
    rmSync(join(bob.recordDir, 'state', 'canary', `${bob.identity}-${bob.gen}`))
    const claim = join(bob.recordDir, 'server-deaths', `${bob.identity}-${bob.gen}.claim`)
    symlinkSync('4194000:1', `${claim}.takeover1`)
    expect(await reconcile(bob)).toEqual([{ identity: 'claude-bob', gen: bob.gen, outcome: 'completed' }])
    expect(exits(bob.recordDir)).toEqual([
      expect.objectContaining({ gen: bob.gen, server_pid: 'unknown', cause: 'server-vanished' }),
    ])
  })

  it.each([
    'server_',
    'server_pid=7 wait_rc=1 cause=server-vanished mode=watch recorder=watch forensics=/var/lib/iapeer/server-de',
  ])('the line is completed after a torn one, and not appended to it: %s', async (torn) => {
    const bob = await watched(newRoot())
    await claimedOnly(bob)
    appendFileSync(
      join(bob.recordDir, 'exits.log'),
      `ts=2026-06-10T15:42:07.113Z ev=server-exit identity=claude-bob gen=${bob.gen} ${torn}`,
    )
    await reconcile(bob)
    const lines = exits(bob.recordDir).filter((line) => line['forensics']?.endsWith('.txt'))
    expect(lines).toEqual([expect.objectContaining({ gen: bob.gen, server_pid: String(bob.server.pid) })])
  })

  it.runIf(isFullCampaign())(
    'eight reconcilers at once record one recorder-lost for an unclaimed death',
    async () => {
      const bob = await watched(newRoot())
      await killRecorder(bob)
      bob.server.kill('SIGKILL')
      await bob.server.gone()
      const children = Array.from({ length: 8 }, () =>
        startFixture('reconcile.mjs', { recordDir: bob.recordDir }),
      )
      await Promise.all(children.map(exited))
      expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost' })
    },
  )
})

describe('a stopped recorder', () => {
  it('of a dead server: reconcile continues it, and it writes its own record', async () => {
    const bob = await watched(newRoot())
    process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGSTOP')
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    expect(await reconcile(bob)).toEqual([{ identity: 'claude-bob', gen: bob.gen, outcome: 'settled' }])
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', mode: 'watch' })
  })
})

describe('damaged files', () => {
  const statePath = (of: Watched): string => join(of.recordDir, 'state', 'canary', `${of.identity}-${of.gen}`)

  const baselineOf = (of: Watched) =>
    until(
      'the baseline',
      () =>
        existsSync(`${statePath(of)}.baseline`) &&
        readFileSync(`${statePath(of)}.baseline`, 'utf8').includes('cgroup_v1='),
    )

  it('a corrupt state file is renamed, written again and logged, and does not affect other generations', async () => {
    const root = newRoot()
    const bob = await watched(root)
    const eve = await watched(root, { identity: 'claude-eve', socketPath: root.socket('e') })
    await baselineOf(bob)
    const before = recordOf(bob)
    writeFileSync(statePath(bob), '\u0000garbage\n')
    const findings = await reconcile(bob)
    expect(findings).toContainEqual({ identity: 'claude-bob', gen: bob.gen, outcome: 'corrupt-state' })
    expect(findings).toContainEqual({ identity: 'claude-eve', gen: eve.gen, outcome: 'watching' })
    expect(readFileSync(`${statePath(bob)}-corrupt`, 'utf8')).toBe('\u0000garbage\n')
    expect(recordOf(bob)).toMatchObject({
      recorder: before?.recorder,
      server: before?.server,
      socketPath: before?.socketPath,
    })
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })

  it('the corrupt state file of a guard is written again with all that its hook, its witness and a rename need', async () => {
    const bob = await guarded(newRoot())
    await baselineOf(bob)
    const before = readFileSync(statePath(bob), 'utf8')
    writeFileSync(statePath(bob), 'garbage')
    await reconcile(bob)
    const facts = (text: string): string[] =>
      text.split('\n').filter((line) => line !== '' && !line.startsWith('socket_id='))
    expect(facts(readFileSync(statePath(bob), 'utf8')).sort()).toEqual(facts(before).sort())
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed', mode: 'guard' })
  })

  it('a corrupt state file of a dead recorder and a dead server becomes one recorder-lost', async () => {
    const bob = await watched(newRoot())
    await baselineOf(bob)
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    writeFileSync(statePath(bob), '')
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost' })
  })
})

describe('records that were moved or shared', () => {
  it('old deaths are not recorded again after the log was moved', async () => {
    const bob = await watched(newRoot())
    bob.server.kill('SIGKILL')
    await deathOf(bob)
    renameSync(join(bob.recordDir, 'exits.log'), join(bob.recordDir, 'exits.log.1'))
    expect(await reconcile(bob)).toEqual([])
    expect(exits(bob.recordDir)).toEqual([])
  })

  it('a server with two identities has one record, also if the claim of a recorder of format 1 must be completed', async () => {
    const bob = await watched(newRoot())
    const eve = { ...bob, identity: 'claude-eve' }
    await ensureCanary({ ...eve, socketPath: bob.server.socketPath })
    await killRecorder(eve)
    bob.server.kill('SIGKILL')
    await deathOf(bob)
    const claim = join(bob.recordDir, 'server-deaths', `claude-eve-${bob.gen}.claim`)
    symlinkSync('rc=1,ev=server,rec=4194000:1,ts=1781106127113', claim)
    await reconcile(bob)
    await reconcile(bob)
    expect(exits(bob.recordDir).map((line) => line['identity'])).toEqual(['claude-bob'])
  })

  it('old files of killed recorders are swept', async () => {
    const bob = await watched(newRoot())
    const recorder = recordOf(bob)?.recorder.pid
    bob.server.kill('SIGKILL')
    await deathOf(bob)
    await until(
      'the recorder to go',
      () =>
        !existsSync(`/proc/${recorder}`) || /\) Z /.test(readFileSync(`/proc/${recorder}/stat`, 'latin1')),
    )
    const directory = join(bob.recordDir, 'state', 'canary')
    const key = `${bob.identity}-${bob.gen}`
    const old = (name: string): void => {
      writeFileSync(join(directory, name), '')
      utimesSync(join(directory, name), 1e9, 1e9)
    }
    for (const rest of ['123.part', '123.pipe', 'dismiss', 'baseline']) old(`${key}.${rest}`)
    symlinkSync('4194000:1', join(directory, `${key}.lease1`))
    lutimesSync(join(directory, `${key}.lease1`), 1e9, 1e9)
    writeFileSync(join(directory, `${key}.fresh`), '')
    await reconcile(bob)
    expect(readdirSync(directory)).toEqual([`${key}.fresh`])
  })
})

describe('a death whose time is not known', () => {
  const times = (line: Readonly<Record<string, string>>) => ({
    alive: Date.parse(line['seen_alive'] ?? ''),
    found: Date.parse(line['ts'] ?? ''),
  })

  it('is recorded as between the arming and the time at which it was found', async () => {
    const bob = await watched(newRoot())
    const armedMs = Date.now()
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const lookedMs = Date.now()
    await reconcile(bob)
    const { alive, found } = times(await deathOf(bob))
    expect(alive).toBeGreaterThan(armedMs - 1_000)
    expect(alive).toBeLessThanOrEqual(armedMs)
    expect(found).toBeGreaterThan(lookedMs - 20)
  })

  it('happened after the last time at which all generations were seen running', async () => {
    const bob = await watched(newRoot())
    await new Promise((resolve) => setTimeout(resolve, 200))
    const seenMs = Date.now()
    expect(await reconcile(bob)).toMatchObject([{ outcome: 'watching' }])
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await reconcile(bob)
    const { alive } = times(await deathOf(bob))
    expect(alive).toBeGreaterThanOrEqual(seenMs - 20)
    expect(alive).toBeLessThan(seenMs + 1_000)
  })

  it('has a `seen_alive` only if no recorder saw it', async () => {
    const bob = await watched(newRoot())
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).not.toHaveProperty('seen_alive')
  })
})
