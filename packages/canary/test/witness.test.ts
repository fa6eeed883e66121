import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { campaignCases, isFullCampaign, run, startServer, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { completeIntent, declareIntent } from '../src/index.ts'
import { deathOf, expectSilence, guarded, roots, type Watched } from './support.ts'

const newRoot = roots()

/** Much longer than the second that a witness may take and the start of its processes on a busy host; slow tools here take 20 seconds. */
const PROMPT_MS = 6_000

const witnessPath = (of: Watched): string =>
  join(of.recordDir, 'server-deaths', `${of.identity}-${of.gen}.witness`)

function witnessOf(of: Watched) {
  const [head = '', ...rest] = readFileSync(witnessPath(of), 'utf8').trimEnd().split('\n')
  return { head: parseLogfmt(head).fields, processes: rest.map((line) => parseLogfmt(line).fields) }
}

/** A script that runs a tmux command on the server. */
function script(of: Watched, body: string): string {
  const path = join(of.root.path, 'cleanup.sh')
  writeFileSync(path, `tmux() { command tmux -S "${of.server.socketPath}" "$@"; }\n${body}\n`)
  return path
}

const COMMANDS = [
  'kill-server',
  'kill-ser',
  'kill-serve',
  'kill-session -t main',
  'kill-ses -t main',
  'kill-sessio -t main',
  'kill-window -t main:0',
  'killw -t main:0',
  'kill-w -t main:0',
  'kill-pane -t main:0.0',
  'killp -t main:0.0',
  'kill-pan -t main:0.0',
  'unlink-window -k -t main:0',
  'unlinkw -k -t main:0',
  'unl -k -t main:0',
  'respawn-pane -k -t main:0.0 true',
  'respawnp -k -t main:0.0 true',
  'respawn-p -k -t main:0.0 true',
]

// A witness names what it finds within a second, which a busy host can take from it: see `via` in docs/records.md.
const ON_A_BUSY_HOST = { retry: 3 }

describe('the process that runs a command that kills the server is named', ON_A_BUSY_HOST, () => {
  it.each(campaignCases(COMMANDS))('%s', async (command) => {
    const bob = await guarded(newRoot())
    const path = script(bob, `tmux ${command}`)
    await run('sh', [path])
    const { cause } = await deathOf(bob)
    // The program of a respawned pane exits a moment later, perhaps after the witness was removed.
    if (command.startsWith('respawn') && cause === 'exited') return
    expect(cause).toBe('killed-by-command')
    const { head, processes } = witnessOf(bob)
    expect(head).toMatchObject({ confidence: 'high' })
    expect(processes[0]?.['command']).toMatch(/^tmux -S /)
    expect(processes[1]).toMatchObject({ depth: '1', command: `sh ${path}` })
    expect(processes.map((one) => one['pid'])).toContain(String(process.pid))
    expect(statSync(witnessPath(bob)).mode & 0o777).toBe(0o600)
  })

  it('a killer that exits at once is still named, with the ancestors that are left', async () => {
    const bob = await guarded(newRoot())
    await run('sh', [script(bob, 'tmux kill-server &')])
    await deathOf(bob)
    expect(witnessOf(bob).processes[0]?.['command']).toMatch(/kill-server$/)
  })

  it('a command typed in a pane of the server itself is named too', async () => {
    const bob = await guarded(newRoot())
    await bob.server.tmux('send-keys', '-t', 'main', '', 'Enter')
    await bob.server.tmux('new-window', '-d', 'tmux kill-server')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
    expect(witnessOf(bob).processes[0]?.['command']).toBe('tmux kill-server')
  })

  it('one of two killers is named, and there is one death', async () => {
    const bob = await guarded(newRoot())
    const path = script(bob, 'tmux kill-server & tmux kill-server & wait')
    await run('sh', [path])
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
    const { head, processes } = witnessOf(bob)
    const commands = processes.map((one) => one['command'])
    // On a busy host, where two witnesses start at once, the time of both can end before either has named anything.
    if (head['via'] === 'none') expect(commands).toEqual([])
    else expect(commands).toContain(`sh ${path}`)
  })

  it('under load, without delaying the command for more than a second', async () => {
    const bob = await guarded(newRoot())
    for (let job = 0; job < 8; job++) {
      const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })
      bob.root.track(() => busy.kill('SIGKILL'))
    }
    const from = performance.now()
    await run('sh', [script(bob, 'tmux kill-server')])
    expect(performance.now() - from).toBeLessThan(PROMPT_MS)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
  })
})

describe('an attached client', ON_A_BUSY_HOST, () => {
  /** Attaches a client to bob's server in a terminal of another server. */
  async function viewer(bob: Watched) {
    const outer = await startServer(
      bob.root.socket('outer'),
      `TMUX= TERM=xterm exec tmux -S ${bob.server.socketPath} attach`,
    )
    bob.root.track(outer.end)
    const pid = await until(
      'the viewer',
      async () => Number((await bob.server.tmux('list-clients', '-F', '#{client_pid}')).stdout) || undefined,
    )
    return { outer, pid }
  }

  it('is never named for the command of a script', async () => {
    const bob = await guarded(newRoot())
    const { pid } = await viewer(bob)
    const path = script(bob, 'tmux kill-server')
    await run('sh', [path])
    await deathOf(bob)
    const { processes } = witnessOf(bob)
    expect(processes.map((one) => one['pid'])).not.toContain(String(pid))
    expect(processes[1]?.['command']).toBe(`sh ${path}`)
  })

  it.each([
    ['x', 'kill-pane'],
    ['&', 'kill-window'],
  ])('that presses prefix %s and confirms is named', async (key, command) => {
    const bob = await guarded(newRoot())
    const { outer, pid } = await viewer(bob)
    await outer.tmux('send-keys', 'C-b', key)
    await until('the question', async () => (await outer.tmux('capture-pane', '-p')).stdout.includes('(y/n)'))
    await outer.tmux('send-keys', 'y')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
    const { head, processes } = witnessOf(bob)
    expect(head).toMatchObject({ command, confidence: 'high' })
    expect(processes[0]?.['pid']).toBe(String(pid))
  })

  it('is not named for a later command', async () => {
    const bob = await guarded(newRoot())
    const { pid } = await viewer(bob)
    await bob.server.tmux('run-shell', '-b', '-d', '0.2', '-C', 'kill-server')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
    expect(witnessOf(bob).processes.map((one) => one['pid'])).not.toContain(String(pid))
  })

  it('that closes one of two panes is not named for a later SIGTERM', async () => {
    const bob = await guarded(newRoot())
    const { outer } = await viewer(bob)
    await bob.server.tmux('split-window', '-d', 'exec sleep 1000')
    await outer.tmux('send-keys', 'C-b', 'x')
    await until('the question', async () => (await outer.tmux('capture-pane', '-p')).stdout.includes('(y/n)'))
    await outer.tmux('send-keys', 'y')
    await until(
      'the pane to go',
      async () => (await bob.server.tmux('list-panes')).stdout.split('\n').length === 2,
    )
    await until('the witness to be retracted', () => !existsSync(witnessPath(bob)))
    bob.server.kill('SIGTERM')
    expect(await deathOf(bob)).toMatchObject({ cause: 'exited' })
  })

  it('sees no message and no view mode from a witness', async () => {
    const bob = await guarded(newRoot())
    const { outer } = await viewer(bob)
    await bob.server.tmux('new-window', '-d', 'exec sleep 1000')
    const before = (await outer.tmux('capture-pane', '-p')).stdout
    await bob.server.tmux('kill-pane', '-t', 'main:1')
    await until(
      'the window to go',
      async () => (await bob.server.tmux('list-windows')).stdout.split('\n').length === 2,
    )
    expect((await bob.server.tmux('display-message', '-p', '#{pane_in_mode}')).stdout).toBe('0\n')
    expect((await outer.tmux('capture-pane', '-p')).stdout.split('\n')[0]).toBe(before.split('\n')[0])
  })
})

describe('the witness never affects the server', () => {
  it.runIf(isFullCampaign())(
    'many simultaneous kill commands neither crash the server nor run its attach hooks',
    async () => {
      const bob = await guarded(newRoot())
      await bob.server.tmux('set-hook', '-g', 'client-attached', 'set-option -g @attached yes')
      await bob.server.tmux('set-hook', '-g', 'client-detached', 'kill-server')
      for (let window = 1; window <= 8; window++)
        await bob.server.tmux('new-window', '-d', '-t', `main:${window}`, 'exec sleep 1000')
      await Promise.all(
        [1, 2, 3, 4, 5, 6, 7, 8].map((window) => bob.server.tmux('kill-window', '-t', `main:${window}`)),
      )
      await Promise.all(Array.from({ length: 8 }, () => bob.server.tmux('kill-session', '-t', 'nope')))
      expect((await bob.server.tmux('list-windows', '-F', '#{window_index}')).stdout).toBe('0\n')
      expect((await bob.server.tmux('show-options', '-gqv', '@attached')).stdout).toBe('')
    },
  )

  it.runIf(isFullCampaign())('a long message log delays nothing', async () => {
    const bob = await guarded(newRoot())
    const big = 'x'.repeat(8_000)
    for (let round = 0; round < 20; round++)
      await bob.server.tmux(
        ...Array.from({ length: 20 }, () => ['set-buffer', big, ';'])
          .flat()
          .slice(0, -1),
      )
    const from = performance.now()
    await run('sh', [script(bob, 'tmux kill-server')])
    expect(performance.now() - from).toBeLessThan(PROMPT_MS)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
  })
})

describe('no process is named for a death that it did not cause', () => {
  it.each([
    ['another session', ['new-session', '-d', '-s', 'other', 'exec sleep 1000'], 'kill-session -t other'],
    ['a second window', ['new-window', '-d', 'exec sleep 1000'], 'kill-window -t main:1'],
    ['a second pane', ['split-window', '-d', 'exec sleep 1000'], 'kill-pane -t main:0.1'],
    ['a session that is not there', ['list-sessions'], 'kill-session -t nope'],
  ])(
    'killing %s: nothing dies, nothing is recorded, and a SIGTERM after it is not blamed on it',
    async (_what, prepare, command) => {
      const bob = await guarded(newRoot())
      await bob.server.tmux(...prepare)
      await run('sh', [script(bob, `tmux ${command}`)])
      expect(bob.server.alive()).toBe(true)
      await until('the witness to be retracted', () => !existsSync(witnessPath(bob)))
      bob.server.kill('SIGTERM')
      expect(await deathOf(bob)).toMatchObject({ cause: 'exited', wait_rc: '0' })
    },
  )

  it('the cause of a death by signal ignores a witness', async () => {
    const bob = await guarded(newRoot())
    writeFileSync(
      witnessPath(bob),
      `witness ts_ms=${Date.now()} by=1 command=kill-session confidence=high client=client-1\n`,
    )
    bob.server.kill('SIGKILL')
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed', signal: 'SIGKILL' })
  })

  it('a witness older than two seconds does not count', async () => {
    const bob = await guarded(newRoot())
    writeFileSync(
      witnessPath(bob),
      `witness ts_ms=${Date.now() - 2_500} by=1 command=kill-server confidence=high client=client-1\n`,
    )
    bob.server.kill('SIGTERM')
    expect(await deathOf(bob)).toMatchObject({ cause: 'exited' })
  })

  it('no witness starts if there is an intent', async () => {
    const bob = await guarded(newRoot())
    const target = { identity: bob.identity, gen: bob.gen, recordDir: bob.recordDir }
    await declareIntent({ ...target, by: 'test', why: 'teardown' })
    await bob.server.tmux('kill-server')
    await bob.server.gone()
    expect(existsSync(witnessPath(bob))).toBe(false)
    await completeIntent(target)
    await expectSilence(bob)
  })
})

describe('a failing witness does not affect the command', () => {
  it('a record directory that cannot be written: the kill works at once', async () => {
    const bob = await guarded(newRoot())
    mkdirSync(`${witnessPath(bob)}`)
    const from = performance.now()
    expect((await bob.server.tmux('kill-server')).exitCode).toBe(0)
    await bob.server.gone()
    expect(performance.now() - from).toBeLessThan(PROMPT_MS)
    expect(await deathOf(bob)).toMatchObject({ cause: 'exited' })
  })

  it.each(['slow', 'missing'])('ps is %s: the killer is named from /proc', ON_A_BUSY_HOST, async (how) => {
    const root = newRoot()
    const bin = join(root.path, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'ps'), how === 'slow' ? '#!/bin/sh\nsleep 20\n' : '#!/bin/sh\nexit 127\n')
    chmodSync(join(bin, 'ps'), 0o755)
    process.env['IAPEER_SCRIPT_PATH'] = `${bin}:/usr/bin:/bin`
    root.track(() => delete process.env['IAPEER_SCRIPT_PATH'])
    const bob = await guarded(root)
    const from = performance.now()
    await run('sh', [script(bob, 'tmux kill-server')])
    expect(performance.now() - from).toBeLessThan(PROMPT_MS)
    expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
    const { head, processes } = witnessOf(bob)
    // On a busy host its time is over before it has named anything.
    if (head['via'] === 'none') expect(processes).toEqual([])
    else expect(processes[0]?.['command']).toMatch(/kill-server$/)
  })

  /** Puts slow programs of these names before the real ones on the PATH. */
  function slowTools(root: ReturnType<typeof newRoot>, tools: Readonly<Record<string, string>>): void {
    const bin = join(root.path, 'bin')
    mkdirSync(bin)
    for (const [name, body] of Object.entries(tools)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    process.env['IAPEER_SCRIPT_PATH'] = `${bin}:/usr/bin:/bin`
    root.track(() => delete process.env['IAPEER_SCRIPT_PATH'])
  }

  it.runIf(isFullCampaign())(
    'ss reaches its time limit, as on a busy host: all candidates are listed, if the time is enough for that',
    async () => {
      const root = newRoot()
      slowTools(root, { ss: 'exec sleep 20' })
      const bob = await guarded(root)
      await run('sh', [script(bob, 'tmux kill-server')])
      expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
      const { head, processes } = witnessOf(bob)
      expect(head['confidence']).toBe('low')
      expect(head['via']).toMatch(/^(?:candidates|none)$/)
      const killer = expect.stringMatching(/kill-server$/)
      expect(processes.map((one) => one['command'])).toEqual(
        head['via'] === 'none' ? [] : expect.arrayContaining([killer]),
      )
    },
  )

  it.runIf(isFullCampaign())(
    'the time limit comes before any name: the cause is still a command, unless the server survives',
    async () => {
      const root = newRoot()
      const real = '/usr/bin/readlink "$@"'
      slowTools(root, { ss: 'exec sleep 20', readlink: `sleep 1\nexec ${real}` })
      const bob = await guarded(root)
      await bob.server.tmux('new-window', '-d', 'exec sleep 1000')
      await bob.server.tmux('kill-window', '-t', 'main:1')
      expect(existsSync(witnessPath(bob))).toBe(true)
      await until('it to be taken back', () => !existsSync(witnessPath(bob)))
      const from = performance.now()
      await bob.server.tmux('kill-server')
      expect(performance.now() - from).toBeLessThan(PROMPT_MS)
      expect(await deathOf(bob)).toMatchObject({ cause: 'killed-by-command' })
      expect(witnessOf(bob)).toMatchObject({ head: { command: 'kill-server', via: 'none' }, processes: [] })
    },
  )

  it('after the scripts were removed, the command works as under plain tmux', async () => {
    const bob = await guarded(newRoot())
    const { rmSync } = await import('node:fs')
    rmSync(join(bob.recordDir, 'lib'), { recursive: true })
    await bob.server.tmux('new-window', '-d', 'exec sleep 1000')
    expect(await bob.server.tmux('kill-window', '-t', 'main:1')).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: '',
    })
    await bob.server.tmux('kill-server')
    expect(await deathOf(bob)).toMatchObject({ cause: 'exited' })
  })

  it('long words and secrets of a command line are cut off', async () => {
    const bob = await guarded(newRoot())
    const secret = 'abcdef0123456789abcdef0123456789'
    await run('sh', [
      script(bob, 'tmux kill-server'),
      `--api-key=${secret}`,
      '--token',
      secret,
      `PASSWORD=${secret}`,
      secret,
      `x${'y'.repeat(400)}`,
    ])
    await deathOf(bob)
    expect(readFileSync(witnessPath(bob), 'utf8')).not.toContain(secret)
    expect(witnessOf(bob).processes[1]?.['command']).toMatch(
      /cleanup\.sh --api-key=\.\.\. --token \.\.\. PASSWORD=\.\.\. \.\.\. /,
    )
  })
})
