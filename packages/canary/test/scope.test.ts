import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { findScope } from '../src/guard/scope.ts'
import { startGuardedServer } from '../src/index.ts'
import { claimOf, deathOf, exits, guarded, type Root, roots } from './support.ts'

const newRoot = roots()
const LEADER = fileURLToPath(new URL('../assets/leader.sh', import.meta.url))
const isLinux = process.platform === 'linux'

/** Runs the command after `--`, as systemd-run does, in no scope. */
const TRY = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
/** Whether it is the call that tries a scope. */
const IS_TRIAL = 'case "$*" in *" -- true") ;; *'

/** Makes a substitute for systemd-run, which notes its arguments in `asked`. */
function substitute(root: Root, body: string): NodeJS.ProcessEnv {
  const bin = join(root.path, 'bin')
  mkdirSync(join(bin, 'systemd'), { recursive: true })
  writeFileSync(join(bin, 'systemd', 'private'), '')
  writeFileSync(join(bin, 'systemd-run'), `#!/bin/sh\necho "$*" >>'${root.path}/asked'\n${body}\n`, {
    mode: 0o755,
  })
  return { ...process.env, XDG_RUNTIME_DIR: bin, PATH: `${bin}:${process.env['PATH']}` }
}

const start = (root: Root, env: NodeJS.ProcessEnv) =>
  startGuardedServer({
    identity: 'claude-bob',
    socketPath: root.socket(),
    recordDir: root.recordDir,
    env,
    timeoutMs: 10_000,
  })

describe.skipIf(!isLinux)('with a substitute for systemd-run', () => {
  it('guard and server are started in a scope with the name of the peer', async () => {
    const root = newRoot()
    const bob = await guarded(root, { env: substitute(root, TRY) })
    const asked = readFileSync(join(root.path, 'asked'), 'utf8')
    const unit = `iapeer-claude-bob-${bob.gen}.scope`
    const common = '--user --scope --collect -p OOMPolicy=continue -p Delegate=memory pids'
    const [trial, real] = asked.split('\n')
    expect(trial).toBe(`${common} -- true`)
    expect(
      real?.startsWith(`${common} --unit=${unit} --description=iapeer: claude-bob --quiet -- /bin/sh /`),
    ).toBe(true)
    expect(real).toMatch(new RegExp(`/leaves\\.sh ${unit} /bin/sh /.*/guard\\.sh$`))
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed' })
    expect(claimOf(bob)).toMatch(/,m=g/)
  })

  it.each([
    [
      'refuses',
      'echo "Failed to start transient scope unit: no" >&2; exit 1',
      /^systemd-run failed: Failed to/,
    ],
    ['does not answer', 'exec sleep 30', /did not answer within 2 s$/],
    ['refuses the second call', `${IS_TRIAL}) exit 1 ;; esac; ${TRY}`, /made no scope when it was asked/],
    [
      'hangs at the second call',
      `${IS_TRIAL}) exec sleep 30 ;; esac; ${TRY}`,
      /made no scope when it was asked/,
    ],
  ])(
    'a user manager that %s does not keep a server from starting, and the reason is known',
    async (_what, body, why) => {
      const root = newRoot()
      const started = await start(root, substitute(root, body))
      expect(started).toMatchObject({ mode: 'guard', scope: 'none', uncontained: expect.stringMatching(why) })
      expect(started.leaf).toBeUndefined()
      process.kill(started.server.pid, 'SIGKILL')
      await until('the record', () => exits(root.recordDir).length === 1)
    },
  )

  it('a systemd that does not know OOMPolicy of scopes makes them without it', async () => {
    const env = substitute(newRoot(), `case "$*" in *OOMPolicy*) echo unknown >&2; exit 1 ;; esac; ${TRY}`)
    const made = { identity: 'claude-bob', gen: 'f'.repeat(16), lib: '/lib', cpuWeight: undefined }
    const { prefix, why } = await findScope(env, made)
    expect([prefix.includes('Delegate=memory pids'), prefix.includes('OOMPolicy=continue'), why]).toEqual([
      ...[true, false, undefined],
    ])
  })

  it('a weight is set on the scope', async () => {
    const root = newRoot()
    const env = substitute(root, TRY)
    const { prefix } = await findScope(env, {
      identity: 'claude-bob',
      gen: 'f'.repeat(16),
      lib: '/lib',
      cpuWeight: 50,
    })
    expect(prefix.filter((word) => word.includes('='))).toEqual([
      ...['OOMPolicy=continue', 'Delegate=memory pids', 'CPUWeight=50'],
      ...[`--unit=iapeer-claude-bob-${'f'.repeat(16)}.scope`, '--description=iapeer: claude-bob'],
    ])
  })
})

it.each([
  ['XDG_RUNTIME_DIR is not set', {}, /XDG_RUNTIME_DIR is not set$/],
  ['no manager has made its socket', { XDG_RUNTIME_DIR: '/nowhere' }, /^no systemd user manager runs/],
])('where %s, the start is plain and says so', async (_what, env, why) => {
  const made = { identity: 'claude-bob', gen: 'f'.repeat(16), lib: '/lib', cpuWeight: undefined }
  const expected = isLinux ? why : /^this system has no systemd$/
  expect(await findScope(env, made)).toMatchObject({ prefix: [], why: expect.stringMatching(expected) })
})

describe.skipIf(!isLinux)('the script that becomes the leader', () => {
  const PROGRAM = ['sh', '-c', 'echo "$$ $(cat /proc/self/oom_score_adj) $#:$1"', 'sh', 'a b', '']

  it.each(['dash', 'bash', 'mksh', 'ksh93', 'busybox'])(
    'in %s it enters its cgroups, and the program has its pid and 300 more',
    async (shell) => {
      if ((await run(shell, ['-c', 'true']).catch(() => undefined)) === undefined) return
      const root = newRoot()
      const groups = ['one', 'two'].map((name) => join(root.path, name))
      mkdirSync(groups[0] ?? '')
      const argv = shell === 'busybox' ? ['sh', LEADER] : [LEADER]
      const { stdout, exitCode } = await run(shell, [...argv, ...groups, '--', ...PROGRAM])
      const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
      const [pid, score, ...args] = stdout.trimEnd().split(' ')
      expect([score, args.join(' '), exitCode]).toEqual([String(Math.min(1_000, own + 300)), '2:a b', 0])
      expect(readFileSync(join(groups[0] ?? '', 'cgroup.procs'), 'utf8')).toBe(`${pid}\n`)
      expect(existsSync(groups[1] ?? '')).toBe(false)
    },
  )
})
