import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { campaignSize, isFullCampaign, run, until } from '@iapeer/dev/testing'
import { afterEach, describe, expect, it } from 'vitest'
import {
  canaryChannel,
  canaryStatus,
  dismissCanary,
  ensureCanary,
  listCanaries,
  reconcile,
  recordPaths,
} from '../src/index.ts'
import {
  deathOf,
  exited,
  exits,
  fixturePath,
  guarded,
  lifecycle,
  linesOf,
  recordOf,
  roots,
  settled,
  startFixture,
  statusOf,
  watched,
} from './support.ts'

const ARMINGS = campaignSize(25)

const newRoot = roots()

describe('arming a running server', () => {
  it('is idempotent under twenty calls at once from twenty processes', async () => {
    const root = newRoot()
    const server = await root.server()
    const request = { identity: 'claude-bob', socketPath: server.socketPath, recordDir: root.recordDir }
    const children = Array.from({ length: 20 }, () => startFixture('ensure.mjs', request))
    const states = await Promise.all(
      children.map(async (child) => JSON.parse(await linesOf(child)('{')).state),
    )
    await Promise.all(children.map(exited))
    expect(states.filter((state) => state === 'spawned')).toHaveLength(1)
    expect(states.filter((state) => state === 'already')).toHaveLength(19)
    server.kill('SIGKILL')
    await until('the record', () => exits(root.recordDir).length > 0)
    await until('all to settle', async () => (await listCanaries({ recordDir: root.recordDir })).length === 0)
    expect(exits(root.recordDir)).toHaveLength(1)
  })

  it('reports gen, pid and state, and starts no process when it is armed already', async () => {
    const bob = await watched(newRoot())
    expect(await statusOf(bob)).toMatchObject({
      state: 'armed',
      mode: 'watch',
      gen: bob.gen,
      serverPid: bob.server.pid,
    })
    const before = recordOf(bob)
    // Without a tmux, the answer can come only from the files.
    const again = await ensureCanary({ ...bob, socketPath: bob.server.socketPath, tmux: '/nowhere/tmux' })
    expect(again).toEqual({ state: 'already', gen: bob.gen, serverPid: bob.server.pid })
    expect(recordOf(bob)).toEqual(before)
  })

  it('changes no option, hook, buffer or window of the server', async () => {
    const root = newRoot()
    const server = await root.server()
    const look = async () => {
      const views = [
        ['show-options', '-s'],
        ['show-options', '-g'],
        ['show-hooks', '-g'],
        ['show-environment', '-g'],
        ['list-buffers'],
        ['list-windows', '-a'],
        ['list-clients'],
      ]
      return Promise.all(views.map(async (view) => (await server.tmux(...view)).stdout))
    }
    const before = await look()
    await ensureCanary({ identity: 'claude-bob', socketPath: server.socketPath, recordDir: root.recordDir })
    expect(await look()).toEqual(before)
  })

  it('keeps 0700 directories and 0600 files', async () => {
    const bob = await watched(newRoot())
    bob.server.kill('SIGKILL')
    await deathOf(bob)
    for (const name of readdirSync(bob.recordDir, { recursive: true }).map(String)) {
      const found = statSync(join(bob.recordDir, name), { throwIfNoEntry: false })
      if (found !== undefined)
        expect([name, (found.mode & 0o777).toString(8)]).toEqual([name, found.isDirectory() ? '700' : '600'])
    }
  })

  it.runIf(isFullCampaign())(
    'if a server dies during arming, the result is a record or a failure',
    async () => {
      const outcomes = new Set<string>()
      const from = performance.now()
      await watched(newRoot())
      const armingMs = performance.now() - from
      for (let round = 0; round < ARMINGS; round++) {
        const root = newRoot()
        const server = await root.server()
        const arming = ensureCanary({
          identity: 'claude-bob',
          socketPath: server.socketPath,
          recordDir: root.recordDir,
        })
        await new Promise((resolve) => setTimeout(resolve, (2 * round * armingMs) / ARMINGS))
        server.kill('SIGKILL')
        const result = await arming
        outcomes.add(result.state)
        if (result.state === 'spawned') {
          await settled({ ...result, root, identity: 'claude-bob', server, recordDir: root.recordDir })
          expect(exits(root.recordDir)).toHaveLength(1)
        } else expect(result.state).toBe('failed')
      }
      expect([...outcomes].sort()).toEqual(['failed', 'spawned'])
    },
  )

  it('a stopped server that is not watched yet fails with a clear error within a few seconds', async () => {
    const root = newRoot()
    const server = await root.server()
    await server.stop()
    const result = await ensureCanary({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
    })
    expect(result).toMatchObject({ state: 'failed', code: 'server-unresponsive' })
    server.kill('SIGCONT')
    expect((await server.tmux('list-sessions')).exitCode).toBe(0)
  })
})

describe('a watch that cannot be armed reports the reason', () => {
  it.each([
    ['an identity without a dash', { identity: 'bob' }, 'invalid-identity'],
    ['an identity with a slash', { identity: 'claude-../x' }, 'invalid-identity'],
    ['a newline in the socket path', { socketPath: '/tmp/a\nb' }, 'invalid-path'],
    ['a newline in the record directory', { recordDir: '/tmp/a\nb' }, 'invalid-path'],
    ['an empty record directory', { recordDir: '' }, 'invalid-path'],
    ['a socket path that is too long', { socketPath: `/tmp/${'x'.repeat(120)}` }, 'socket-path-too-long'],
    [
      'a record directory that can never be made',
      { recordDir: '/proc/self/nowhere' },
      'record-dir-unwritable',
    ],
    ['tmux that is a directory', { tmux: '/tmp' }, 'tmux-missing'],
    [
      'tmux that is not there',
      { tmux: '/nowhere/tmux' },
      'tmux-missing',
      /\/nowhere\/tmux is not an executable/,
    ],
    [
      'tmux that is not on the PATH',
      { tmux: 'no-such-tmux' },
      'tmux-missing',
      /find no-such-tmux on the PATH/,
    ],
  ])('%s', async (_what, change, code, message = /.{10,}/) => {
    const root = newRoot()
    const base = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    expect(await ensureCanary({ ...base, ...change })).toMatchObject({
      state: 'failed',
      code,
      reason: expect.stringMatching(message),
    })
  })

  it.each([
    undefined,
    null,
    7,
    {},
    { identity: 7 },
    { identity: 'claude-bob' },
    { identity: 'claude-bob', recordDir: '/dev/null/no-directory' },
  ])('plain JavaScript that passes %j gets a failure', async (options) => {
    const called: unknown = await Reflect.apply(ensureCanary, undefined, [options])
    expect(called).toMatchObject({ state: 'failed', code: expect.stringMatching(/^invalid-/) })
  })

  it('no server on the socket, a stale socket, or a file that is not a socket', async () => {
    const root = newRoot()
    const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    expect(await ensureCanary(request)).toMatchObject({ state: 'failed', code: 'no-server' })
    const server = await root.server()
    await server.end()
    expect(await ensureCanary(request)).toMatchObject({ state: 'failed', code: 'no-server' })
    writeFileSync(root.socket('plain'), 'no socket')
    expect(await ensureCanary({ ...request, socketPath: root.socket('plain') })).toMatchObject({
      state: 'failed',
      code: 'no-server',
    })
    expect(await canaryStatus({ identity: 'claude-bob', recordDir: root.recordDir })).toEqual({
      state: 'none',
    })
  })

  it.runIf(isFullCampaign())(
    'a failure that many processes repeat is logged once, and again after a success',
    async () => {
      const root = newRoot()
      const { recordDir } = root
      const request = { identity: 'tmux-own', socketPath: root.socket(), recordDir }
      const failures = () => lifecycle(recordDir).filter((line) => line['state'] === 'failed').length
      const ensureInAnother = async (): Promise<void> => {
        await exited(startFixture('ensure.mjs', request))
      }
      for (let count = 0; count < 3; count++) await ensureInAnother()
      expect(failures()).toBe(1)
      const server = await root.server()
      await ensureInAnother()
      await server.end()
      await until('the record', async () => (await canaryStatus(request)).state === 'none')
      for (let count = 0; count < 2; count++) await ensureInAnother()
      expect(failures()).toBe(2)
      // An identity of the same server is another watch.
      await exited(startFixture('ensure.mjs', { ...request, identity: 'tmux-other' }))
      expect(failures()).toBe(3)
    },
  )

  it('a note about a failure is removed after a week, and one that cannot be written stops nothing', async () => {
    const root = newRoot()
    const { recordDir } = root
    const request = { identity: 'tmux-own', socketPath: root.socket(), recordDir }
    await ensureCanary(request)
    const notes = join(recordDir, 'state', 'failures')
    expect(readdirSync(notes)).toEqual(['tmux-own'])
    await reconcile(request)
    expect(readdirSync(notes)).toEqual(['tmux-own'])
    utimesSync(join(notes, 'tmux-own'), 1e9, 1e9)
    await reconcile(request)
    expect(readdirSync(notes)).toEqual([])
    rmSync(notes, { recursive: true })
    writeFileSync(notes, '')
    expect(await ensureCanary({ ...request, identity: 'tmux-other' })).toMatchObject({
      state: 'failed',
      code: 'no-server',
    })
  })

  it('a repeated failure is logged once, and again after a success', async () => {
    const root = newRoot()
    const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    for (let round = 0; round < 3; round++) await ensureCanary(request)
    const failures = () => lifecycle(root.recordDir).filter((line) => line['state'] === 'failed').length
    expect(failures()).toBe(1)
    const server = await root.server()
    expect((await ensureCanary(request)).state).toBe('spawned')
    server.kill('SIGKILL')
    await until('the record', () => exits(root.recordDir).length > 0)
    await ensureCanary(request)
    expect(failures()).toBe(2)
  })

  it('a record directory that is a file', async () => {
    const root = newRoot()
    const server = await root.server()
    writeFileSync(root.recordDir, 'in the way')
    const result = await ensureCanary({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
    })
    expect(result).toMatchObject({ state: 'failed', code: 'record-dir-unwritable' })
    expect(server.alive()).toBe(true)
    rmSync(root.recordDir)
  })
})

describe('IAPEER_RECORDS', () => {
  afterEach(() => {
    delete process.env['IAPEER_RECORDS']
  })

  it.each(['off', '0', 'False', 'no'])('%s skips arming and writes nothing', async (text) => {
    const root = newRoot()
    const server = await root.server()
    process.env['IAPEER_RECORDS'] = text
    const result = await ensureCanary({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
    })
    expect(result).toEqual({ state: 'skipped', reason: 'IAPEER_RECORDS=off' })
    expect(statSync(root.recordDir, { throwIfNoEntry: false })).toBeUndefined()
  })
})

describe('paths', () => {
  it.each(['with space', "quo'te", 'dou"ble', '$HOME', 'back\\slash', 'grün-日本', 'a=b', '#{pid}', '*'])(
    'a directory named %s',
    async (name) => {
      const root = newRoot()
      const directory = join(root.path, name)
      mkdirSync(directory)
      const server = await root.server(join(directory, 's'))
      const recordDir = join(directory, 'rec')
      const result = await ensureCanary({ identity: 'claude-bob', socketPath: server.socketPath, recordDir })
      expect(result.state).toBe('spawned')
      if (result.state !== 'spawned') return
      server.kill('SIGKILL')
      const line = await deathOf({ root, identity: 'claude-bob', server, gen: result.gen, recordDir })
      expect(dirname(line['forensics'] ?? '')).toBe(recordPaths({ recordDir }).deathsDir)
    },
  )
})

describe('damage while a recorder runs', () => {
  it('a running canary records a death after its scripts were removed', async () => {
    const bob = await watched(newRoot())
    rmSync(recordOf(bob)?.lib ?? '', { recursive: true })
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })

  it('if its scripts are overwritten in place, the death is recorded at once and the snapshot by the next reconcile', async () => {
    const bob = await watched(newRoot())
    const lib = recordOf(bob)?.lib ?? ''
    for (const name of readdirSync(lib)) writeFileSync(join(lib, name), 'exit 42\n')
    bob.server.kill('SIGKILL')
    await until('the line', () => exits(bob.recordDir).length > 0)
    await until('the recorder to exit', async () => (await statusOf(bob)).state === 'ended')
    await until('the rest', async () => (await reconcile(bob)).some(({ outcome }) => outcome === 'completed'))
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished' })
  })

  it('if the scripts of a guard are overwritten in place, the next reconcile records its death with status and time', async () => {
    const bob = await guarded(newRoot())
    const lib = recordOf(bob)?.lib ?? ''
    for (const name of readdirSync(lib)) writeFileSync(join(lib, name), 'exit 42\n')
    const killedAt = Date.now()
    bob.server.kill('SIGKILL')
    await until('the recorder to exit', async () => (await statusOf(bob)).state !== 'armed')
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    await until('the record', async () => {
      await reconcile(bob)
      return exits(bob.recordDir).length > 0
    })
    const line = await deathOf(bob)
    expect(line).toMatchObject({ cause: 'killed', signal: 'SIGKILL', wait_rc: '137' })
    expect(Math.abs(Date.parse(line['ts'] ?? '') - killedAt)).toBeLessThan(1_000)
  })

  it('the next arming repairs a damaged copy of the scripts', async () => {
    const root = newRoot()
    const bob = await watched(root)
    const lib = recordOf(bob)?.lib ?? ''
    writeFileSync(join(lib, 'watch.sh'), 'exit 42\n')
    const eve = await watched(root, { identity: 'claude-eve', socketPath: root.socket('e') })
    expect(recordOf(eve)?.lib).toBe(lib)
    eve.server.kill('SIGKILL')
    await deathOf(eve)
  })

  it('dismissing stops the watch and its processes; a later death is not recorded', async () => {
    const bob = await watched(newRoot())
    const record = recordOf(bob)
    expect(await dismissCanary(bob)).toEqual({ state: 'dismissed', gens: [bob.gen] })
    await until('recorder and client to exit', () =>
      [record?.recorder.pid, record?.client?.pid].every(
        (pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false }) === undefined,
      ),
    )
    expect(readdirSync(join(bob.recordDir, 'state', 'canary'))).toEqual([])
    expect((await bob.server.tmux('list-sessions')).exitCode).toBe(0)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    expect(exits(bob.recordDir)).toEqual([])
    expect(await dismissCanary(bob)).toEqual({ state: 'none', gens: [] })
  })

  it('a stopped recorder can be dismissed, and the server armed again', async () => {
    const bob = await watched(newRoot())
    process.kill(recordOf(bob)?.recorder.pid ?? 0, 'SIGSTOP')
    expect((await dismissCanary(bob)).state).toBe('dismissed')
    const again = await ensureCanary({ ...bob, socketPath: bob.server.socketPath })
    expect(again).toMatchObject({ state: 'spawned', gen: bob.gen })
    bob.server.kill('SIGKILL')
    await deathOf(bob)
  })

  it('concurrent arming and dismissing leave no recorder without a state file', async () => {
    const bob = await watched(newRoot())
    const request = { ...bob, socketPath: bob.server.socketPath }
    for (let round = 0; round < 10; round++) {
      const acts = [ensureCanary, dismissCanary, ensureCanary, dismissCanary, ensureCanary]
      await Promise.all(
        acts.map(async (act, at) => {
          await new Promise((resolve) => setTimeout(resolve, (at * 7 + round * 5) % 40))
          await act(request)
        }),
      )
    }
    await until(
      'all watches to be dismissed',
      async () => (await dismissCanary(bob)).state === 'none' && (await statusOf(bob)).state === 'none',
    )
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(exits(bob.recordDir)).toEqual([])
  })

  it('only the server on the named socket is dismissed', async () => {
    const root = newRoot()
    const one = await watched(root, { socketPath: root.socket('a') })
    const two = await watched(root, { socketPath: root.socket('b') })
    expect(await dismissCanary({ ...one, socketPath: root.socket('a'), gen: one.gen })).toEqual({
      state: 'dismissed',
      gens: [one.gen],
    })
    two.server.kill('SIGKILL')
    await deathOf(two)
  })

  it('a server is still watched after its socket was recreated or removed', async () => {
    const bob = await watched(newRoot())
    const request = { ...bob, socketPath: bob.server.socketPath }
    rmSync(bob.server.socketPath)
    expect(await ensureCanary(request)).toMatchObject({ state: 'already' })
    bob.server.kill('SIGUSR1')
    await until('the socket', () => statSync(bob.server.socketPath, { throwIfNoEntry: false }))
    expect(await ensureCanary(request)).toMatchObject({ state: 'already', gen: bob.gen })
    expect(await ensureCanary({ ...request, tmux: '/nowhere' })).toMatchObject({ state: 'already' })
  })

  it('a recorder inherits no open file', async () => {
    const root = newRoot()
    const server = await root.server()
    const lock = join(root.path, 'lock')
    const request = JSON.stringify({
      identity: 'claude-bob',
      socketPath: server.socketPath,
      recordDir: root.recordDir,
    })
    const script = 'exec 7>"$1" 9>"$1" 200>"$1"; exec "$2" "$3" "$4"'
    await run('bash', ['-c', script, 'bash', lock, process.execPath, fixturePath('ensure.mjs'), request])
    const status = await canaryStatus({ identity: 'claude-bob', recordDir: root.recordDir })
    if (status.state === 'none') throw new Error('not armed')
    const directory = `/proc/${status.recorderPid}/fd`
    if (existsSync(directory))
      expect(readdirSync(directory).map((name) => readlinkSync(join(directory, name)))).not.toContain(lock)
    server.kill('SIGKILL')
    await until('the record', () => exits(root.recordDir).length > 0)
  })

  it('the channel is named after the identity', async () => {
    expect(canaryChannel('claude-bob')).toBe('iap-canary-claude-bob')
    expect(() => canaryChannel('nonsense')).toThrow(/not an identity/)
    expect((await run('tmux', ['-V'])).stdout).toMatch(/^tmux /)
  })
})
