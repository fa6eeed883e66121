import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { recordLayout } from '@iapeer/core/paths'
import { identifyProcess, observeProcess, readBoot } from '@iapeer/core/process'
import { run, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { startGuard } from '../src/guard/guard.ts'
import { canaryStatus, dismissCanary, ensureCanary, reconcile, startGuardedServer } from '../src/index.ts'
import { findTmux } from '../src/process/spawn.ts'
import { installAssets, makeDirectories } from '../src/scripts/assets.ts'
import {
  continueProcess,
  deathOf,
  exited,
  exits,
  expectSilence,
  guarded,
  killRecorder,
  linesOf,
  recordOf,
  roots,
  startFixture,
  stopOnPurpose,
} from './support.ts'

const newRoot = roots()

describe('a guarded server that dies is recorded once, with its true wait status', () => {
  it.each([
    ['SIGKILL', 137, 'killed'],
    ['SIGSEGV', 139, 'crashed'],
    ['SIGABRT', 134, 'crashed'],
  ] as const)('%s', async (signal, status, cause) => {
    const bob = await guarded(newRoot())
    bob.server.kill(signal)
    expect(await deathOf(bob)).toMatchObject({
      cause,
      signal,
      wait_rc: String(status),
      mode: 'guard',
      recorder: 'guard',
    })
  })

  it('SIGTERM: exited, without a witness', async () => {
    const bob = await guarded(newRoot())
    bob.server.kill('SIGTERM')
    const line = await deathOf(bob)
    expect(line).toMatchObject({ cause: 'exited', wait_rc: '0' })
    expect(line).not.toHaveProperty('signal')
  })

  it('the line is on disk before the snapshot begins, and each death has its own gen', async () => {
    const root = newRoot()
    const [bob, eve] = [
      await guarded(root),
      await guarded(root, { identity: 'claude-eve', socketPath: root.socket('e') }),
    ]
    expect(bob.gen).not.toBe(eve.gen)
    for (const one of [bob, eve]) one.server.kill('SIGKILL')
    for (const one of [bob, eve]) {
      const line = await deathOf(one)
      expect(readFileSync(line['forensics'] ?? '', 'utf8')).toContain('cause=killed')
    }
  })

  it('a recorder that is done removes its files, and no file that another process is writing', async () => {
    const bob = await guarded(newRoot())
    const { canaryDir } = recordLayout(bob)
    const key = `${bob.identity}-${bob.gen}`
    // As the replacement of a marker begins.
    writeFileSync(join(canaryDir, `${key}.dismiss.4242.mx3y1.tmp`), '')
    for (const name of ['1.nap', '1.pipe', '1.part', 'leader-cgroup', 'leader-facts', 'seen'])
      writeFileSync(join(canaryDir, `${key}.${name}`), '')
    bob.server.kill('SIGKILL')
    await deathOf(bob)
    await until('the other files to be removed', () => readdirSync(canaryDir).length === 1)
    expect(readdirSync(canaryDir)).toEqual([`${key}.dismiss.4242.mx3y1.tmp`])
  })

  it('a tmux that exits with an error is failed', async () => {
    const root = newRoot()
    const fake = join(root.path, 'tmux')
    // A server that exits with 3 after it was ready, as tmux exits with 1 in fatal().
    writeFileSync(
      fake,
      '#!/bin/sh\ncase "$*" in *" -D") tmux "$@" & trap "kill $!; exit 3" USR2; while :; do wait; done ;; *) exec tmux "$@" ;; esac\n',
    )
    chmodSync(fake, 0o755)
    const started = await startGuardedServer({
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      tmux: fake,
    }).catch((error: unknown) => error)
    // The server that answers is not the guard's child here, which must be refused: its wait status would be unknown.
    expect(started).toMatchObject({ code: 'socket-taken' })
    await run('tmux', ['-S', root.socket(), 'kill-server'])
  })
})

describe('guard and server are independent', () => {
  it('the guard is one shell that ignores TERM, HUP and INT, and the server answers while the guard is stopped', async () => {
    const bob = await guarded(newRoot())
    const guard = recordOf(bob)?.recorder.pid ?? 0
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.kill(guard, signal)
    const children = readFileSync(`/proc/${guard}/task/${guard}/children`, 'latin1').trim()
    expect(children).toBe(String(bob.server.pid))
    process.kill(guard, 'SIGSTOP')
    expect((await bob.server.tmux('list-sessions')).exitCode).toBe(0)
    bob.server.kill('SIGKILL')
    await until('the exit of the server', () =>
      /\) Z /.test(readFileSync(`/proc/${bob.server.pid}/stat`, 'latin1')),
    )
    continueProcess(guard)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
  })

  it('the server outlives a killed guard, and the next ensureCanary arms a watch of the same generation', async () => {
    const bob = await guarded(newRoot())
    await killRecorder(bob)
    expect((await bob.server.tmux('list-sessions')).exitCode).toBe(0)
    expect(await ensureCanary({ ...bob, socketPath: bob.server.socketPath })).toMatchObject({
      state: 'spawned',
      gen: bob.gen,
    })
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'server-vanished', mode: 'watch' })
  })

  it("the server outlives a kill of the guard's process group", async () => {
    const bob = await guarded(newRoot())
    process.kill(-(recordOf(bob)?.recorder.pid ?? 0), 'SIGKILL')
    await until('the guard to exit', async () => (await canaryStatus(bob)).state === 'lost')
    expect((await bob.server.tmux('list-sessions')).exitCode).toBe(0)
  })

  it('reconcile records the death if guard and server are killed together', async () => {
    const bob = await guarded(newRoot())
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost' })
  })

  it('panes have the same signal dispositions and environment as under plain tmux', async () => {
    const root = newRoot()
    const plain = await root.server(root.socket('plain'))
    const bob = await guarded(root)
    const look = async (server: typeof plain, name: string): Promise<string> => {
      const out = join(root.path, name)
      await server.tmux(
        'new-window',
        '-d',
        `grep -E "SigIgn|SigBlk" /proc/self/status > ${out}; env | sed "s/=.*//" | sort >> ${out}; touch ${out}.done`,
      )
      await until(name, () => existsSync(`${out}.done`))
      return readFileSync(out, 'utf8')
    }
    expect(await look(bob.server, 'guarded')).toBe(await look(plain, 'plain.out'))
  })

  it('variables that the scripts also use reach the panes as the caller set them', async () => {
    const root = newRoot()
    const names = {
      MODE: 'production',
      SERVER: 'db1',
      STATE: 'CA',
      LIB: '/x',
      SOCKET: '/y',
      CLAIMED: '1',
      LINED: '1',
      IDENTITY: 'me',
    }
    const bob = await guarded(root, { env: { ...names, HOME: root.path, PATH: '/usr/bin:/bin' } })
    const out = join(root.path, 'env')
    await bob.server.tmux('new-window', '-d', `env > ${out}; touch ${out}.done`)
    await until('the environment', () => existsSync(`${out}.done`))
    const seen = readFileSync(out, 'utf8').split('\n')
    for (const [name, value] of Object.entries(names)) expect(seen).toContain(`${name}=${value}`)
    expect(seen.filter((line) => /^IAPEER/.test(line))).toEqual([])
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed', wait_rc: '137', recorder: 'guard' })
  })

  it('Ctrl-C, Ctrl-\\ and a hangup kill the program in a pane', async () => {
    const bob = await guarded(newRoot())
    for (const key of ['C-c', 'C-\\']) {
      const { stdout } = await bob.server.tmux(
        'new-window',
        '-d',
        '-P',
        '-F',
        '#{pane_id} #{pane_pid}',
        'exec sleep 1000',
      )
      const [pane = '', pid = ''] = stdout.trim().split(' ')
      await until(`the end by ${key}`, async () => {
        await bob.server.tmux('send-keys', '-t', pane, key)
        // A zombie has exited too: some builds of tmux miss a SIGCHLD.
        return !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
      })
    }
  })
})

describe('guarded servers that are stopped on purpose', () => {
  it('a declared stop leaves no record', async () => {
    const bob = await guarded(newRoot())
    await stopOnPurpose(bob)
    await expectSilence(bob)
  })

  it('a dismissed guard records nothing, and one that was armed again does', async () => {
    const root = newRoot()
    const bob = await guarded(root)
    expect(await dismissCanary(bob)).toMatchObject({ state: 'dismissed' })
    expect(await canaryStatus(bob)).toMatchObject({ state: 'dismissed' })
    bob.server.kill('SIGTERM')
    await expectSilence(bob)
    const eve = await guarded(root, { identity: 'claude-eve', socketPath: root.socket('e') })
    await dismissCanary(eve)
    expect(await ensureCanary({ ...eve, socketPath: eve.server.socketPath })).toMatchObject({
      state: 'already',
    })
    eve.server.kill('SIGTERM')
    await deathOf(eve)
  })

  it('a server whose launcher was killed before it said `ready` is recorded when it dies', async () => {
    const root = newRoot()
    const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    const launcher = startFixture('start-guarded.mjs', request)
    const line = await linesOf(launcher)('{')
    launcher.kill('SIGKILL')
    await exited(launcher)
    process.kill(JSON.parse(line).server.pid, 'SIGKILL')
    await until('the record', () => exits(root.recordDir).length === 1)
  })
})

describe('a failed start leaves nothing behind', () => {
  async function refused(change: Partial<Parameters<typeof startGuardedServer>[0]>, code: string) {
    const root = newRoot()
    const request = {
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      ...change,
    }
    await expect(startGuardedServer(request)).rejects.toMatchObject({
      code,
      hint: expect.stringMatching(/.{8,}/),
    })
    const states = join(root.recordDir, 'state', 'canary')
    if (existsSync(states)) await until('the guard to exit', () => readdirSync(states).length === 0)
    expect(exits(root.recordDir)).toEqual([])
    return root
  }

  it.each([
    ['a path that is too long', { socketPath: `/tmp/${'x'.repeat(120)}` }, 'socket-path-too-long'],
    ['a directory that is missing', { socketPath: '/tmp/iapt-nowhere/s' }, 'start-timeout'],
    ['tmux that is missing', { tmux: '/nowhere/tmux' }, 'tmux-missing'],
    ['an invalid identity', { identity: 'x' }, 'invalid-identity'],
  ])('%s', async (what, change, code) => {
    await refused(change, what.includes('missing') && code === 'start-timeout' ? 'guard-ended' : code)
  })

  it('a configuration with a bad line fails with the message of tmux', async () => {
    const root = newRoot()
    const configFile = join(root.path, 'bad.conf')
    writeFileSync(configFile, 'set -g status off\nno-such-command\n')
    const request = {
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      configFile,
    }
    await expect(startGuardedServer(request)).rejects.toMatchObject({
      code: 'config-error',
      message: expect.stringContaining('bad.conf:2: unknown command: no-such-command'),
    })
    await until(
      'the state files to be removed',
      () => readdirSync(join(root.recordDir, 'state', 'canary')).length === 0,
    )
    expect(exits(root.recordDir)).toEqual([])
    writeFileSync(configFile, 'set -g status off\n')
    const bob = await guarded(root, { configFile })
    expect((await bob.server.tmux('show-options', '-gv', 'status')).stdout).toBe('off\n')
  })

  it.each([
    ['a guard that hangs before it has started', 'ln', 'guard-failed'],
    ['tmux that starts its server under another process', 'tmux', 'socket-taken'],
  ])('%s: fails in time, and leaves nothing', async (_what, tool, code) => {
    const root = newRoot()
    const bin = join(root.path, 'bin')
    mkdirSync(bin)
    writeFileSync(
      join(bin, tool),
      tool === 'ln' ? '#!/bin/sh\nexec sleep 30\n' : '#!/bin/sh\n/usr/bin/tmux "$@"\n',
      { mode: 0o755 },
    )
    if (tool === 'ln') process.env['IAPEER_SCRIPT_PATH'] = `${bin}:/usr/bin:/bin`
    root.track(() => delete process.env['IAPEER_SCRIPT_PATH'])
    const request = {
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      timeoutMs: 1_000,
      ...(tool === 'tmux' ? { tmux: join(bin, 'tmux') } : {}),
    }
    const from = performance.now()
    await expect(startGuardedServer(request)).rejects.toMatchObject({ code })
    expect(performance.now() - from).toBeLessThan(4_000)
    expect(readdirSync(join(root.recordDir, 'state', 'canary'))).toEqual([])
    await until(
      'no server',
      async () => (await run('tmux', ['-S', root.socket(), 'list-sessions'])).exitCode !== 0,
    )
    await reconcile(root)
    expect(exits(root.recordDir)).toEqual([])
  })

  it('a guard that is too slow to report its server: the server is stopped with it', async () => {
    const root = newRoot()
    const layout = recordLayout({ recordDir: root.recordDir })
    await makeDirectories(layout)
    const lib = join(root.path, 'slow-lib')
    cpSync(await installAssets(layout), lib, { recursive: true })
    const script = join(lib, 'guard.sh')
    const text = readFileSync(script, 'utf8')
    const report = '\n  guard_name_server $!\n'
    expect(text.split(report)).toHaveLength(2)
    writeFileSync(
      script,
      text.replace(report, () => `\n  sleep 30${report}`),
    )
    const launch = {
      ...{ identity: 'claude-bob', layout, socketPath: root.socket(), tmux: findTmux(), cwd: '/' },
      ...{ env: process.env, configFile: undefined, deadline: performance.now() + 2_000 },
    }
    const made = { gen: '0123456789abcdef', boot: await readBoot(), lib }
    const start = expect(startGuard(launch, made)).rejects.toMatchObject({ code: 'guard-failed' })
    const pid = await until('the server to answer', async () => {
      const answer = await run('tmux', ['-N', '-S', root.socket(), 'display-message', '-p', '#{pid}'])
      return answer.exitCode === 0 ? Number(answer.stdout) : undefined
    })
    const server = await identifyProcess(pid)
    if (server === undefined) throw new Error('the server has exited too early')
    await start
    expect(await observeProcess(server)).toBe('gone')
  })

  it('a configuration that starts jobs and hangs: its jobs are killed with the start', async () => {
    const root = newRoot()
    const configFile = join(root.path, 'c[1];')
    writeFileSync(configFile, "run-shell -b 'exec sleep 77'\nrun-shell 'exec sleep 79'\n")
    const request = {
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      configFile,
      timeoutMs: 800,
    }
    await expect(startGuardedServer(request)).rejects.toMatchObject({ code: 'start-timeout' })
    expect(existsSync(root.socket())).toBe(false)
    expect(readdirSync(join(root.recordDir, 'state', 'canary'))).toEqual([])
  })

  it.each([
    ['cwd', { cwd: '/nowhere/at/all' }, 'cwd-missing'],
    ['timeoutMs', { timeoutMs: Number.NaN }, 'invalid-options'],
    ['recordDir', { recordDir: '/dev/null/x' }, 'record-dir-unwritable'],
  ])('an unusable %s', async (_what, change, code) => {
    const root = newRoot()
    const request = {
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      ...change,
    }
    await expect(startGuardedServer(request)).rejects.toMatchObject({ code, hint: expect.any(String) })
  })

  it('another running server on the socket: refused, and nothing is created in it', async () => {
    const root = newRoot()
    const other = await startServer(root.socket())
    root.track(other.end)
    for (const stopped of [false, true]) {
      if (stopped) await other.stop()
      const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
      await expect(startGuardedServer(request)).rejects.toMatchObject({ code: 'socket-taken' })
    }
    other.kill('SIGCONT')
    expect((await other.tmux('list-sessions', '-F', '#{session_name}')).stdout).toBe('main\n')
  })

  it('a file that is not a socket is not changed', async () => {
    const root = newRoot()
    writeFileSync(root.socket(), 'mine')
    const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    await expect(startGuardedServer(request)).rejects.toMatchObject({ code: 'socket-path-occupied' })
    expect(readFileSync(root.socket(), 'utf8')).toBe('mine')
  })

  it('a stale socket is replaced, and of two simultaneous starts one succeeds', async () => {
    const root = newRoot()
    const dead = await startServer(root.socket())
    await dead.end()
    const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    const results = await Promise.allSettled([startGuardedServer(request), startGuardedServer(request)])
    const started = results.filter((result) => result.status === 'fulfilled')
    expect(started).toHaveLength(1)
    const pid = started[0]?.status === 'fulfilled' ? started[0].value.server.pid : 0
    expect(Number((await run('tmux', ['-S', root.socket(), 'display-message', '-p', '#{pid}'])).stdout)).toBe(
      pid,
    )
    process.kill(pid, 'SIGKILL')
    await until('the record', () => exits(root.recordDir).length === 1)
  })

  it('tmux before 3.2 gets an ordinary server with a watch', async () => {
    const root = newRoot()
    const old = join(root.path, 'tmux')
    writeFileSync(
      old,
      '#!/bin/sh\ncase "$*" in -V) echo "tmux 3.1c" ;; *" -D"*) exit 1 ;; *) exec tmux "$@" ;; esac\n',
    )
    chmodSync(old, 0o755)
    const started = await startGuardedServer({
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      tmux: old,
    })
    expect(started).toMatchObject({ mode: 'watch', guardPid: undefined })
    process.kill(started.server.pid, 'SIGKILL')
    await until('the record', () => exits(root.recordDir).length === 1)
    expect(exits(root.recordDir)[0]).toMatchObject({ cause: 'server-vanished', mode: 'watch' })
  })

  it('the record of a guard killed between claim and line is completed in mode guard', async () => {
    const bob = await guarded(newRoot())
    const guard = recordOf(bob)?.recorder
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    const { symlinkSync } = await import('node:fs')
    symlinkSync(
      `rc=137,ev=server,rec=${guard?.pid}:${guard?.token},ts=1781106127113,m=g`,
      join(bob.recordDir, 'server-deaths', `${bob.identity}-${bob.gen}.claim`),
    )
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({
      cause: 'killed',
      signal: 'SIGKILL',
      mode: 'guard',
      wait_rc: '137',
    })
  })
})
