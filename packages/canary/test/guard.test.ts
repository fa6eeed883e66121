import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { canaryStatus, dismissCanary, ensureCanary, reconcile, startGuardedServer } from '../src/index.ts'
import {
  claimOf,
  deathOf,
  exited,
  exits,
  expectSilence,
  goOn,
  guarded,
  killRecorder,
  linesOf,
  recordOf,
  roots,
  startFixture,
  tearDown,
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

  it('SIGTERM: exited, and nobody is accused', async () => {
    const bob = await guarded(newRoot())
    bob.server.kill('SIGTERM')
    const line = await deathOf(bob)
    expect(line).toMatchObject({ cause: 'exited', wait_rc: '0' })
    expect(line).not.toHaveProperty('signal')
  })

  it('the line is on disk before the snapshot is begun, and each death has a gen of its own', async () => {
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

  it('tmux that gives up is failed', async () => {
    const root = newRoot()
    const fake = join(root.path, 'tmux')
    // A server that exits with 3 after it was ready: what tmux does in fatal(), with another number.
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
    // The answering server is not the guard's child here, and that is refused: nothing else could be told of it truly.
    expect(started).toMatchObject({ code: 'socket-taken' })
    await run('tmux', ['-S', root.socket(), 'kill-server'])
  })
})

describe('the guard stands apart from its server', () => {
  it('one shell is all there is; TERM, HUP and INT do not move it, and the server answers while it is stopped', async () => {
    const bob = await guarded(newRoot())
    const guard = recordOf(bob)?.recorder.pid ?? 0
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.kill(guard, signal)
    const children = readFileSync(`/proc/${guard}/task/${guard}/children`, 'latin1').trim()
    expect(children).toBe(String(bob.server.pid))
    process.kill(guard, 'SIGSTOP')
    expect((await bob.server.tmux('list-sessions')).exitCode).toBe(0)
    bob.server.kill('SIGKILL')
    await until('the end of the server', () =>
      /\) Z /.test(readFileSync(`/proc/${bob.server.pid}/stat`, 'latin1')),
    )
    goOn(guard)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
  })

  it('killing it leaves the server running, and the next ensureCanary arms a watch of the same generation', async () => {
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

  it('a group kill of the guard does not take the server', async () => {
    const bob = await guarded(newRoot())
    process.kill(-(recordOf(bob)?.recorder.pid ?? 0), 'SIGKILL')
    await until('the guard to go', async () => (await canaryStatus(bob)).state === 'lost')
    expect((await bob.server.tmux('list-sessions')).exitCode).toBe(0)
  })

  it('what takes both is recorded by reconcile', async () => {
    const bob = await guarded(newRoot())
    await killRecorder(bob)
    bob.server.kill('SIGKILL')
    await bob.server.gone()
    await reconcile(bob)
    expect(await deathOf(bob)).toMatchObject({ cause: 'recorder-lost' })
  })

  it('panes have the signal dispositions and the environment that plain tmux gives them', async () => {
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

  it('names that the scripts use for themselves reach the panes as the caller has set them', async () => {
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

  it('Ctrl-C, Ctrl-\\ and a hangup end what runs in a pane', async () => {
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
        // A server that missed the signal of its child's end (some builds of tmux do) leaves it a zombie: it has ended.
        return !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
      })
    }
  })
})

describe('deliberate ends of guarded servers', () => {
  it('a declared teardown is silent', async () => {
    const bob = await guarded(newRoot())
    await tearDown(bob)
    await expectSilence(bob)
  })

  it('a dismissed guard says nothing, and one that is wanted again does', async () => {
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

describe('what cannot be started leaves nothing behind', () => {
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
    if (existsSync(states)) await until('the guard to leave', () => readdirSync(states).length === 0)
    expect(exits(root.recordDir)).toEqual([])
    return root
  }

  it.each([
    ['a path that is too long', { socketPath: `/tmp/${'x'.repeat(120)}` }, 'socket-path-too-long'],
    ['a directory that is missing', { socketPath: '/tmp/iapt-nowhere/s' }, 'start-timeout'],
    ['tmux that is missing', { tmux: '/nowhere/tmux' }, 'tmux-missing'],
    ['an identity that is none', { identity: 'x' }, 'invalid-identity'],
  ])('%s', async (what, change, code) => {
    await refused(change, what.includes('missing') && code === 'start-timeout' ? 'guard-ended' : code)
  })

  it('a configuration with a bad line, with the message of tmux', async () => {
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
    await until('nothing to be left', () => readdirSync(join(root.recordDir, 'state', 'canary')).length === 0)
    expect(exits(root.recordDir)).toEqual([])
    writeFileSync(configFile, 'set -g status off\n')
    const bob = await guarded(root, { configFile })
    expect((await bob.server.tmux('show-options', '-gv', 'status')).stdout).toBe('off\n')
  })

  it.each([
    ['a guard that hangs before it has started', 'ln', 'guard-failed'],
    ['tmux that starts its server under another process', 'tmux', 'socket-taken'],
  ])('%s: in time, and nothing is left', async (_what, tool, code) => {
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

  it('a configuration that starts jobs and hangs: its jobs end with the start', async () => {
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
  ])('a %s that cannot be', async (_what, change, code) => {
    const root = newRoot()
    const request = {
      identity: 'claude-bob',
      socketPath: root.socket(),
      recordDir: root.recordDir,
      ...change,
    }
    await expect(startGuardedServer(request)).rejects.toMatchObject({ code, hint: expect.any(String) })
  })

  it("somebody else's living server on the socket: refused, and nothing is created in it", async () => {
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

  it('a file that is no socket is left as it is', async () => {
    const root = newRoot()
    writeFileSync(root.socket(), 'mine')
    const request = { identity: 'claude-bob', socketPath: root.socket(), recordDir: root.recordDir }
    await expect(startGuardedServer(request)).rejects.toMatchObject({ code: 'socket-path-occupied' })
    expect(readFileSync(root.socket(), 'utf8')).toBe('mine')
  })

  it('a dead socket is taken over, and two starts at once are one server', async () => {
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

  it('under a systemd user manager the pair gets a scope of its own (a stand-in for systemd-run)', async () => {
    const root = newRoot()
    const bin = join(root.path, 'bin')
    mkdirSync(join(bin, 'systemd'), { recursive: true })
    writeFileSync(join(bin, 'systemd', 'private'), '')
    writeFileSync(
      join(bin, 'systemd-run'),
      `#!/bin/sh\necho "$*" >> ${root.path}/asked\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n`,
    )
    chmodSync(join(bin, 'systemd-run'), 0o755)
    const env = { ...process.env, XDG_RUNTIME_DIR: bin, PATH: `${bin}:${process.env['PATH']}` }
    const bob = await guarded(root, { env })
    expect(readFileSync(join(root.path, 'asked'), 'utf8')).toMatch(
      /^--user --scope --quiet --collect -p OOMPolicy=continue -- true\n.* -- \/bin\/sh .*guard\.sh/,
    )
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
    expect(claimOf(bob)).toMatch(/,m=g/)
  })

  it('a guard killed between claim and line is completed in its own mode', async () => {
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
