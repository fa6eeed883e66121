import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toIdentity } from '@iapeer/core/identity'
import { daemonPaths } from '@iapeer/core/paths'
import { updatePeer } from '@iapeer/core/registry'
import { campaignCases, isFullCampaign, until } from '@iapeer/dev/testing'
import { answeringDaemon, stopDaemon } from '@iapeer/host'
import { listSessions, listTallies } from '@iapeer/lifecycle/sessions'
import { afterEach, describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { besides, type Home, homes, jsonLines } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

function homeWithDaemon(): Home {
  const home = newHome()
  roots.push(home.root)
  return home
}

describe('iapeer daemon', () => {
  it('starts the daemon, prints its state and its log, and stops it; each can be repeated', async () => {
    const { iapeer, root } = homeWithDaemon()
    expect(await iapeer('daemon', 'status')).toMatchObject({
      exitCode: 3,
      stdout: '○ the daemon is not running\n  iapeer daemon start\n',
    })
    expect(await iapeer('daemon', 'stop')).toMatchObject({
      exitCode: 0,
      stdout: '○ the daemon was not running\n',
    })
    expect((await iapeer('daemon', 'logs')).exitCode).toBe(3)
    const started = await iapeer('daemon', 'start', '--json')
    expect(started).toMatchObject({ exitCode: 0, stderr: '' })
    const { pid } = JSON.parse(started.stdout)
    expect(JSON.parse(started.stdout)).toMatchObject({
      schemaVersion: 2,
      state: 'started',
      version: manifest.version,
    })
    expect((await iapeer('daemon', 'start')).stdout).toBe(`● the daemon is already running: pid ${pid}\n`)
    expect(JSON.parse((await iapeer('daemon', 'status', '--json')).stdout)).toMatchObject({
      state: 'running',
      pid,
      since: expect.stringMatching(/Z$/),
      socketPath: `${root}/run/iapeerd.sock`,
    })
    expect((await iapeer('daemon', 'status')).stdout).toMatch(
      new RegExp(`^● the daemon is running: pid ${pid}, since `),
    )
    expect((await iapeer('daemon', 'stop')).stdout).toBe(`○ the daemon (pid ${pid}) is stopped\n`)
    expect((await iapeer('daemon', 'logs')).stdout).toMatch(
      /^(?:.*INFO: (?:the MCP server listens|MCP over HTTP is off).*\n)?\[[\d-]{10} [\d:]{8}\] INFO: iapeerd started \{"version":.*\}\n.*INFO: iapeerd stops; peers keep running \{"why":"SIGTERM"\}\n$/,
    )
    const lines = jsonLines((await iapeer('daemon', 'logs', '--json')).stdout)
    expect(lines.find(({ msg }) => msg === 'iapeerd started')).toMatchObject({ pid })
    expect((await iapeer('daemon', 'status')).exitCode).toBe(3)
  })

  it('prints the log without control characters, and a line that is not JSON unchanged', async () => {
    const { iapeer, root } = newHome()
    const { log } = daemonPaths(root)
    mkdirSync(dirname(log), { recursive: true })
    const line = { level: 50, time: '2026-06-10T15:42:07.113Z', pid: 3, msg: 'fai\u001b[2Jled' }
    const err = { type: 'Error', message: 'x\u001b[2Jy', stack: 'Error: x\u001b[2Jy\n    at foo' }
    writeFileSync(log, `${JSON.stringify({ ...line, err, peer: 'a\u001b[2J' })}\nno \u001b[2JJSON\n`)
    const { stdout } = await iapeer('daemon', 'logs')
    expect(stdout).toMatch(
      /^\[2026-06-1\d \d\d:\d\d:07\] ERROR: fai.*led .*"peer"[\s\S]*at foo[\s\S]*\nno .*JSON\n$/,
    )
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  it.each([
    [['daemon']],
    [['daemon', 'restart', 'now']],
    [['daemon', 'start', 'now']],
    [['daemon', 'start', '-x']],
  ])('%j exits with 2', async (args) => {
    expect((await newHome().iapeer(...args)).exitCode).toBe(2)
  })

  it.each(['daemon', 'service'])('an unknown command of %s is reported with a suggestion', async (parent) => {
    expect((await newHome().iapeer(parent, 'statsu')).stderr).toBe(
      `iapeer: no such command: ${parent} statsu\n  Did you mean status?\n  iapeer ${parent} --help lists the commands.\n`,
    )
  })
})

describe.runIf(process.platform === 'linux')('iapeer daemon start with an installed service', () => {
  /** The service manager runs `onStart` in the background when it starts the service. */
  function homeWithService(onStart: string) {
    const home = homeWithDaemon()
    const at = (...parts: string[]): string => join(home.path, ...parts)
    for (const path of [at('bin'), at('config', 'systemd', 'user')]) mkdirSync(path, { recursive: true })
    writeFileSync(
      at('config', 'systemd', 'user', 'iapeerd.service'),
      `# made by iapeer: ${home.root}\n[Service]\n`,
    )
    const systemctl = `#!/bin/sh
case "$*" in
*--property=Version) echo Version=252 ;;
*start*) { ${onStart}; } </dev/null >/dev/null 2>&1 & echo $! >'${at('pid')}' ;;
esac
`
    writeFileSync(at('bin', 'systemctl'), systemctl, { mode: 0o755 })
    const env = {
      HOME: at('home'),
      XDG_CONFIG_HOME: at('config'),
      PATH: `${at('bin')}:${process.env['PATH']}`,
    }
    return { ...home, at, start: () => home.iapeerWith(env, 'daemon', 'start', '--json') }
  }

  it.runIf(isFullCampaign())(
    'waits for the daemon of the service, which starts slowly, and starts no other daemon',
    async () => {
      const iapeerd = fileURLToPath(new URL('../dist/iapeerd.js', import.meta.url))
      const home = homeWithService(
        `sleep 1; exec '${process.execPath}' '${iapeerd}' --foreground --root "$IAPEER_ROOT"`,
      )
      const started = await home.start()
      expect(started).toMatchObject({ exitCode: 0, stderr: '' })
      const pid = Number(readFileSync(home.at('pid'), 'utf8'))
      expect(jsonLines(started.stdout)).toMatchObject([{ state: 'started', pid }])
    },
  )

  it.runIf(isFullCampaign())(
    'fails if the daemon of the service does not answer, and starts no other daemon',
    async () => {
      const home = homeWithService('exit 1')
      expect(await home.start()).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /the daemon did not start within .*\n {2}iapeer service status prints the reason/,
        ),
      })
      expect(await answeringDaemon(home.root)).toBe(undefined)
    },
  )
})

describe('starting a peer', () => {
  const pidsOf = (text: string): string[] => text.match(/\d+/g) ?? []

  it('also starts the daemon, says so on standard error, and adds nothing to the JSON', async () => {
    const { iapeer, iapeerWith } = homeWithDaemon()
    await iapeer('create', 'bob', '--', 'sleep', '1000')
    const first = await iapeerWith({ IAPEER_DAEMON_AUTOSTART: 'on' }, 'start', 'bob', '--json')
    const { pid } = JSON.parse((await iapeer('daemon', 'status', '--json')).stdout)
    expect(first).toMatchObject({
      exitCode: 0,
      stderr: `iapeer: also started the daemon (pid ${pid}); iapeer daemon stop stops it, --no-daemon starts peers without it\n`,
    })
    expect(jsonLines(first.stdout)).toMatchObject([{ state: 'launched', identity: 'command-bob' }])
    expect(await iapeerWith({ IAPEER_DAEMON_AUTOSTART: '1' }, 'new', 'bob')).toMatchObject({ stderr: '' })
    expect(JSON.parse((await iapeer('daemon', 'status', '--json')).stdout).pid).toBe(pid)
  })

  it('starts one daemon, even if several peers are started at the same time', async () => {
    const { iapeer, iapeerWith, root } = homeWithDaemon()
    const names = ['ann', 'bob', 'eva', 'kim', 'lea']
    for (const name of names) await iapeer('create', name, '--', 'sleep', '1000')
    const starts = names.slice(1).map((name) => iapeerWith({ IAPEER_DAEMON_AUTOSTART: 'yes' }, 'start', name))
    const done = await Promise.all([
      ...starts,
      iapeerWith({ IAPEER_DAEMON_AUTOSTART: 'true' }, 'start', '--all'),
    ])
    expect(done.map(({ exitCode }) => exitCode)).toEqual(names.map(() => 0))
    const client = await answeringDaemon(root)
    const pids = done.flatMap(({ stderr }) => pidsOf(stderr))
    expect(new Set(pids)).toEqual(new Set([`${client?.health.pid}`]))
    expect((await iapeer('list')).stdout.match(/ running /g)).toHaveLength(names.length)
    const log = (await iapeer('daemon', 'logs', '--json')).stdout
    expect(jsonLines(log).filter(({ msg }) => msg === 'iapeerd started')).toHaveLength(1)
  }, 60_000)

  it.runIf(isFullCampaign())(
    'Ctrl-C does not wait for a launch by the daemon, and aborts the launches by the command',
    async () => {
      const home = homeWithDaemon()
      const slow = ['bob', 'cid', 'eve']
      await home.iapeer('create', 'ann', '--', 'sleep', '1000')
      for (const name of slow) {
        await home.iapeer('create', name, '--runtime', 'claude')
        await updatePeer(home.root, name, { command: ['/bin/sh', '-c', 'exec sleep 1000'] })
      }
      const all = ['claude-bob', 'claude-cid', 'claude-eve', 'command-ann']
      const sessions = async () =>
        (await listSessions(home.root)).map(({ identity }) => String(identity)).sort()
      const variables = { IAPEER_DAEMON_AUTOSTART: 'off', IAPEER_LAUNCH_PARALLEL: '4' }
      const byCommand = home.startWith(variables, 'start', '--all')
      await until('all launches', async () => (await sessions()).length === all.length, 20_000)
      expect(await byCommand.end('SIGINT')).toBe(130)
      expect(await sessions()).toEqual(['command-ann'])
      await home.iapeer('daemon', 'start')
      const byDaemon = home.startWith(variables, 'start', 'eve')
      await until('the launch', async () => (await sessions()).length === 2, 20_000)
      const begun = performance.now()
      expect(await byDaemon.end('SIGINT')).toBe(130)
      expect(performance.now() - begun).toBeLessThan(15_000)
      expect(await sessions()).toEqual(['claude-eve', 'command-ann'])
    },
    60_000,
  )

  it.each(
    campaignCases([
      [{ IAPEER_DAEMON_AUTOSTART: 'on' }, ['--no-daemon']],
      [{ IAPEER_DAEMON_AUTOSTART: 'off' }, []],
      [{ IAPEER_DAEMON_AUTOSTART: 'False' }, []],
      [{ IAPEER_DAEMON_AUTOSTART: '0' }, []],
    ]),
  )('with %j %j no daemon is started, and one line says what it would do', async (variables, args) => {
    const { iapeer, iapeerWith } = homeWithDaemon()
    for (const name of ['ann', 'bob']) await iapeer('create', name, '--', 'sleep', '1000')
    for (const verb of [
      ['start', '--all'],
      ['new', 'ann'],
    ]) {
      const done = await iapeerWith(variables, ...verb, ...args)
      expect(done.exitCode).toBe(0)
      expect(done.stderr).toMatch(/^iapeer: without the daemon .*\n$/)
    }
    expect((await iapeer('daemon', 'status')).exitCode).toBe(3)
  })

  it.runIf(isFullCampaign())('goes on if the daemon cannot be started, and says why', async () => {
    const { iapeer, iapeerWith, root } = homeWithDaemon()
    await iapeer('create', 'bob', '--', 'sleep', '1000')
    mkdirSync(join(root, 'run', 'iapeerd.lock'), { recursive: true, mode: 0o700 })
    const done = await iapeerWith({ IAPEER_DAEMON_AUTOSTART: 'on' }, 'start', 'bob')
    expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('bob is running: pid') })
    expect(done.stderr).toMatch(
      /^iapeer: the daemon could not be started: .*\n {2}without the daemon no peer is restarted/,
    )
    rmdirSync(join(root, 'run', 'iapeerd.lock'))
  })

  it.runIf(isFullCampaign())(
    'a path that is too long for the sockets of both is one error, and the setting that it names helps',
    async () => {
      const { iapeerWith, root } = homeWithDaemon()
      const sockets = join(root, '..', 's')
      const long = {
        IAPEER_ROOT: join(root, 'x'.repeat(90)),
        IAPEER_DAEMON_AUTOSTART: 'on',
        XDG_RUNTIME_DIR: '',
      }
      await iapeerWith(long, 'create', 'bob', '--', 'sleep', '1000')
      const refused = await iapeerWith(long, 'start', 'bob')
      expect(refused).toMatchObject({ exitCode: 2, stdout: '' })
      expect(refused.stderr).toMatch(
        /^iapeer: the socket path has \d+ bytes; .*\n {2}.*iapeer config set sockets\.directory .*\n$/,
      )
      await iapeerWith(long, 'config', 'set', 'sockets.directory', sockets)
      expect(await iapeerWith(long, 'start', 'bob')).toMatchObject({ exitCode: 0 })
      await iapeerWith(long, 'stop', 'bob')
      expect(await iapeerWith(long, 'daemon', 'stop')).toMatchObject({ exitCode: 0 })
    },
  )

  it('does not start the daemon if the peer is not started: an invalid setting, an unknown peer', async () => {
    const { iapeer, iapeerWith } = homeWithDaemon()
    await iapeer('create', 'bob', '--', 'sleep', '1000')
    expect(await iapeerWith({ IAPEER_DAEMON_AUTOSTART: 'perhaps' }, 'start', 'bob')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('expected on or off'),
    })
    expect((await iapeer('list')).stdout).toMatch(/bob +new/)
    expect((await iapeerWith({ IAPEER_DAEMON_AUTOSTART: 'on' }, 'start', 'ann')).exitCode).toBe(4)
    expect((await iapeer('daemon', 'status')).exitCode).toBe(3)
  })
})

it.each(campaignCases([800, 0, 1_200]))(
  'stop --all also stops a peer whose restart is planned (%i ms later)',
  async (waitMs) => {
    const { iapeer, root } = homeWithDaemon()
    await iapeer('create', 'bob', '--', 'sleep', '1000')
    await updatePeer(root, 'bob', { restart: 'on-failure' })
    await iapeer('daemon', 'start')
    await iapeer('start', 'bob')
    const [session] = await listSessions(root)
    process.kill(session?.leader.pid ?? Number.NaN, 'SIGKILL')
    // The restart is planned within the next second: at the stop it is pending, or in progress.
    await until('a restart to be planned', async () => {
      const tallies = await listTallies(root)
      return tallies.get(toIdentity('command-bob'))?.startAt
    })
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    expect((await iapeer('stop', '--all')).exitCode).toBe(0)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect((await iapeer('list')).stdout).toMatch(/○ bob +stopped/)
    expect(await listSessions(root)).toEqual([])
  },
)

describe('with a daemon and without one', () => {
  /** Replaces what differs from one launch to the next. */
  const normalized = (text: string): string =>
    text
      .replace(/pid \d+/g, 'pid N')
      .replace(/"(serverPid|leaderPid|ms)":\d+/g, '"$1":0')
      .replace(/"(gen|startedAt)":"[^"]+"/g, '"$1":""')

  const COMMANDS = [
    ['start', 'bob', '--json'],
    ['start', 'bob'],
    ['start', 'command-bob', '--timeout', '5', '--runtime', 'command', '--json'],
    ['new', 'bob', '--timeout', '1'],
    ['new', 'bob', '--json'],
    ['stop', 'bob', '--force', '--json'],
    ['stop', 'bob', '--json'],
    ['stop', 'bob'],
    ['start', 'eve'],
    ['start', ''],
    ['stop', '../x'],
    ['start', 'Bob'],
    ['start', 'bob', '--runtime', 'codex'],
    ['start', 'bob', '--runtime', 'a-b'],
    ['start', 'odd'],
    ['start', 'brief'],
    ['new', 'odd'],
    ['start', 'ann'],
  ] as const

  it.runIf(isFullCampaign())(
    'start, stop and new print the same on both outputs, with the same exit code',
    async () => {
      const linesOf = async (kind: 'library' | 'daemon'): Promise<string[]> => {
        const home = homeWithDaemon()
        await home.iapeer('create', 'bob', '--', 'sleep', '1000')
        await home.iapeer('create', 'odd', '--', 'no-such-program')
        await home.iapeer('create', 'brief', '--', 'sh', '-c', 'echo no licence; sleep 0.05; exit 3')
        await home.iapeer('create', 'ann')
        if (kind === 'daemon') await home.iapeer('daemon', 'start')
        const lines: string[] = []
        for (const args of COMMANDS) {
          const { exitCode, stdout, stderr } = await home.iapeer(...args)
          lines.push(normalized(`${args.join(' ')}: ${exitCode}\n${stdout}${besides(stderr)}`))
        }
        if (kind === 'daemon') expect(await answeringDaemon(home.root)).toBeDefined()
        return lines
      }
      const [byLibrary, byDaemon] = await Promise.all([linesOf('library'), linesOf('daemon')])
      expect(byDaemon).toEqual(byLibrary)
    },
    90_000,
  )

  it.runIf(isFullCampaign())('a daemon that hangs does not prevent a start', async () => {
    const { iapeer } = homeWithDaemon()
    await iapeer('create', 'bob', '--', 'sleep', '1000')
    const { pid } = JSON.parse((await iapeer('daemon', 'start', '--json')).stdout)
    process.kill(pid, 'SIGSTOP')
    try {
      const started = await iapeer('start', 'bob')
      expect([started.exitCode, besides(started.stderr)]).toEqual([0, ''])
      expect(await iapeer('daemon', 'status')).toMatchObject({
        exitCode: 5,
        stdout: expect.stringMatching(/^! the daemon does not answer: pid \d+/),
      })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })
})
