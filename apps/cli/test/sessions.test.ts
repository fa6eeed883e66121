import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '@iapeer/core/process'
import { updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { describe, expect, it } from 'vitest'
import { besides, homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const PID = expect.any(Number)
const GEN = expect.stringMatching(/^[0-9a-f]{16}$/)

describe('iapeer start, stop and new', () => {
  it('start, restart and stop a peer, print JSON, and record no death', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const started = await home.iapeer('start', 'bob', '--json')
    expect([started.exitCode, besides(started.stderr)]).toEqual([0, ''])
    const session = {
      identity: 'command-bob',
      gen: GEN,
      serverPid: PID,
      leaderPid: PID,
      startedAt: expect.stringMatching(/Z$/),
    }
    expect(jsonLines(started.stdout)).toEqual([{ schemaVersion: 2, state: 'launched', ...session }])
    expect((await home.iapeer('start', 'command-bob')).stdout).toMatch(
      /^● bob is already running: pid \d+\n {2}iapeer attach bob {3}attach to its terminal/,
    )
    expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([
      { ...session, state: 'running', canary: 'guard', personality: 'bob' },
    ])
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running +\d+ s +working +- +- /m)
    const renewed = jsonLines((await home.iapeer('new', 'bob', '--json')).stdout)
    expect(renewed).toMatchObject([{ state: 'launched' }])
    expect(jsonLines((await home.iapeer('stop', 'bob', '--json')).stdout)).toMatchObject([
      { identity: 'command-bob', state: 'ended', leader: 'asked', ms: PID },
    ])
    expect((await home.iapeer('stop', 'bob')).stdout).toBe('○ bob was not running, and stays stopped\n')
    expect((await home.iapeer('list')).stdout).toMatch(/^○ bob +stopped /m)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    expect(readdirSync(join(home.root, 'run'))).toEqual([])
  })

  it.runIf(isFullCampaign())('name the runtime of a session only if its peer has several', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    expect((await home.iapeer('start', 'bob')).stdout).toMatch(/^● bob is running: pid \d+\n/)
    await home.iapeer('runtimes', 'add', 'codex', '--peer', 'bob')
    expect((await home.iapeer('refresh', 'bob')).stdout).toMatch(
      /^● bob \(command\) is restarted: pid \d+\n$/,
    )
    expect((await home.iapeer('start', 'bob')).stdout).toMatch(
      /^● bob \(command\) is already running: pid \d+\n {2}iapeer attach command-bob /,
    )
    expect((await home.iapeer('rename', 'bob', 'rob')).stdout).toMatch(
      / {2}rob \(command\) keeps running: pid \d+\n.*iapeer restart command-rob\n$/,
    )
    expect((await home.iapeer('stop', 'rob')).stdout).toBe('○ rob (command) is stopped\n')
    await home.iapeer('start', 'rob')
    expect((await home.iapeer('remove', '-f', 'rob')).stdout).toMatch(/^stopped rob \(command\): pid \d+\n/)
  })

  it.runIf(isFullCampaign())(
    'a runtime as a command starts the peer of the directory with a new session',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      const cwd = join(home.root, 'peers', 'bob')
      const here = (...args: string[]) => run(process.execPath, [MAIN, ...args], { env: home.env, cwd })
      const [first] = jsonLines((await here('command', '--json')).stdout)
      expect(first).toMatchObject({ state: 'launched', identity: 'command-bob' })
      const [second] = jsonLines((await here('command', '--json')).stdout)
      expect(second).toMatchObject({ state: 'launched' })
      expect(second).not.toMatchObject({ gen: Object(first).gen })
      expect(await here('claude')).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('runtimes add claude --peer bob'),
      })
      expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([{ state: 'running' }])
      const nowhere = await run(process.execPath, [MAIN, 'claude'], { env: home.env, cwd: home.path })
      expect(nowhere).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('iapeer init') })
      await home.iapeer('stop', 'bob')
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
  )

  it.runIf(isFullCampaign())(
    'new does not stop a peer that could not be started again, and keeps the runtime that was named',
    async () => {
      const home = newHome()
      mkdirSync(join(home.path, 'here'))
      await home.iapeer('create', 'bob', '--cwd', join(home.path, 'here'), '--', 'sleep', '1000')
      await home.iapeer('start', 'bob')
      rmSync(join(home.path, 'here'), { recursive: true })
      const refused = await home.iapeer('new', 'bob')
      expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('does not exist') })
      expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([{ state: 'running' }])
      expect((await home.iapeer('new', 'claude-bob')).stderr).toMatch(
        /no such peer|does not have the runtime/,
      )
    },
  )

  it.runIf(isFullCampaign())(
    'run exits with 0 if the peer is stopped by another command, and refuses a peer that another run supervises',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      const run = home.start('run', 'command-bob')
      await until('it to be running', () => run.text().includes('bob is running: pid'))
      expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running \(by a service manager\) /m)
      const second = await home.iapeer('run', 'bob')
      expect(second).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/process \d+ already supervises/),
      })
      await home.iapeer('stop', 'bob')
      await until('the run to end', () => run.text().includes('bob is stopped\n'))
      expect(await run.end('SIGCONT')).toBe(0)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
  )

  it.runIf(isFullCampaign())('a peer does not attach to itself', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const [started] = jsonLines((await home.iapeer('start', 'bob', '--json')).stdout)
    const env = { ...home.env, TMUX: `/x,${Object(started).serverPid},0` }
    const refused = await run(process.execPath, [MAIN, 'attach', 'bob'], { env })
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is the terminal of bob') })
  })

  it.runIf(isFullCampaign())('start --all, stop --all, refresh and reset do what they print', async () => {
    const home = newHome()
    for (const name of ['ann', 'bob']) await home.iapeer('create', name, '--', 'sleep', '1000')
    expect(await home.iapeer('refresh', 'ann')).toMatchObject({ exitCode: 3 })
    expect((await home.iapeer('start', '--all')).exitCode).toBe(0)
    expect((await home.iapeer('list')).stdout).toMatch(/● ann +running[\s\S]*● bob +running/)
    expect((await home.iapeer('refresh', 'ann')).stdout).toMatch(/^● ann is restarted: pid \d+\n/)
    expect((await home.iapeer('reset', 'ann')).stdout).toMatch(/^ann was not in a crash loop/)
    expect((await home.iapeer('stop', '--all')).exitCode).toBe(0)
    expect((await home.iapeer('list')).stdout).toMatch(/○ ann +stopped[\s\S]*○ bob +stopped/)
    expect(await home.iapeer('stop')).toMatchObject({ exitCode: 2 })
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  })

  it.runIf(isFullCampaign())(
    'Ctrl-C aborts every launch of start --all, starts no further peer and leaves nothing',
    async () => {
      const home = newHome()
      // Their programs never show an input row: each launch waits for one.
      const names = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal']
      for (const name of names) {
        await home.iapeer('create', name, '--runtime', 'claude')
        await updatePeer(home.root, name, { command: ['/bin/sh', '-c', 'exec sleep 1000'] })
      }
      const starting = home.start('start', '--all')
      const booting = async () => (await listSessions(home.root)).length
      await until('two launches', async () => (await booting()) === 2, 20_000)
      expect(await starting.end('SIGINT')).toBe(130)
      expect(await booting()).toBe(0)
      expect(readdirSync(join(home.root, 'run'))).toEqual([])
      const launched = new Set(
        jsonLines((await home.iapeer('events', '--json')).stdout).map((one) => one['identity']),
      )
      expect(launched.size).toBe(2)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'stop --all leaves no server, guard or socket, and records what died before',
    async () => {
      const home = newHome()
      for (const name of ['ann', 'bob', 'eva']) await home.iapeer('create', name, '--', 'sleep', '1000')
      await home.iapeer('start', '--all')
      const sessions = new Map((await listSessions(home.root)).map((one) => [String(one.identity), one]))
      const of = (name: string) => sessions.get(`command-${name}`) ?? expect.fail(name)
      // tmux does not notice the end of bob's program, ann's server is killed, eva is running.
      const bob = of('bob')
      await run('tmux', ['-S', bob.socketPath, 'set-hook', '-u', '-p', '-t', bob.paneId, 'pane-died'])
      process.kill(bob.leader.pid, 'SIGKILL')
      process.kill(of('ann').server.pid, 'SIGKILL')
      const done = await home.iapeer('stop', '--all')
      expect([done.exitCode, done.stderr]).toEqual([0, ''])
      for (const { server } of sessions.values()) expect(await identifyProcess(server.pid)).toBeUndefined()
      await until('the guards to finish', () => readdirSync(join(home.root, 'state', 'canary')).length === 0)
      expect(readdirSync(join(home.root, 'run'))).toEqual([])
      expect(
        jsonLines((await home.iapeer('deaths', '--json')).stdout)
          .map(({ identity }) => identity)
          .sort(),
      ).toEqual(['command-ann', 'command-bob'])
      expect((await home.iapeer('list')).stdout).toMatch(
        /✕ ann +dead \(SIGKILL\)[\s\S]*✕ bob +dead \(SIGKILL\)[\s\S]*○ eva +stopped/,
      )
    },
  )

  it('a peer that dies is explained', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'sleep 0.4; echo no more; exit 3')
    await home.iapeer('start', 'bob')
    const deaths = await until('its death', async () => {
      const { stdout } = await home.iapeer('deaths', '--json')
      return stdout === '' ? undefined : jsonLines(stdout)
    })
    expect(deaths).toMatchObject([
      { event: 'session-exit', identity: 'command-bob', exitCode: 3, leaderPid: PID },
    ])
    expect(jsonLines((await home.iapeer('autopsy', 'command-bob', '--json')).stdout)).toMatchObject([
      { verdict: 'agent-failed' },
    ])
    expect((await home.iapeer('autopsy', 'bob')).stdout).toMatch(/^command-bob: .*exit code 3/)
    expect((await home.iapeer('list')).stdout).toMatch(/^✕ bob +failed /m)
    expect((await home.iapeer('autopsy', 'bob')).stdout).toContain('iapeer start command-bob')
    // A peer that later gets the name has not died.
    expect((await home.iapeer('remove', 'bob')).exitCode).toBe(0)
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toContain('It was an earlier peer with the name bob.')
    expect(stdout).not.toMatch(/It is running|iapeer start/)
    await home.iapeer('stop', 'bob')
  })

  it.runIf(isFullCampaign())('a peer keeps running if its rename is refused', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('create', 'ann')
    await home.iapeer('start', 'bob')
    expect((await home.iapeer('rename', 'bob', 'ann')).exitCode).toBe(1)
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running/m)
  })

  it.runIf(isFullCampaign())(
    'a peer keeps running when it is renamed, under its new name everywhere',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      await home.iapeer('start', 'bob')
      const [session] = await listSessions(home.root)
      const renamed = await home.iapeer('rename', 'bob', 'rob')
      expect(renamed).toMatchObject({ exitCode: 0, stderr: '' })
      expect(renamed.stdout).toMatch(
        /^bob is now rob; its home stays .*\n {2}rob keeps running: pid \d+\n {2}The agent learns its new name when it is restarted: iapeer restart rob\n$/,
      )
      expect((await home.iapeer('list')).stdout).toMatch(/^● rob +running/m)
      expect((await home.iapeer('logs', 'rob')).exitCode).toBe(0)
      process.kill(session?.server.pid ?? 0, 'SIGKILL')
      await until(
        'the record',
        async () => (await home.iapeer('deaths', '--peer', 'rob', '--json')).stdout !== '',
      )
      const old = await home.iapeer('deaths', '--peer', 'bob')
      expect(old.stdout).toBe('no deaths match\n')
      expect(old.stderr).toMatch(/^bob was renamed to rob \d+ \w+ ago: iapeer deaths --peer rob\n/)
      expect((await home.iapeer('autopsy', 'rob')).stdout).toMatch(/^command-rob: /)
      expect((await home.iapeer('autopsy', 'bob')).stderr).toMatch(/bob was renamed to rob/)
    },
  )

  it.runIf(isFullCampaign())(
    'remove refuses a running peer; with --force it stops the peer, says so, and no death is recorded',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      await home.iapeer('start', 'bob')
      const refused = await home.iapeer('remove', 'bob')
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
      expect(refused.stderr).toMatch(
        /bob is running \(pid \d+\); nothing was changed\n.*iapeer remove --force bob/,
      )
      expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running/m)
      const removed = await home.iapeer('remove', '--force', 'bob')
      expect(removed.exitCode).toBe(0)
      expect(removed.stdout).toMatch(/^stopped bob: pid \d+\nbob is removed; its files stay in /)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
      expect(readdirSync(join(home.root, 'state', 'lifecycle'))).toEqual([])
    },
  )

  it.runIf(isFullCampaign())(
    'watch refuses the server of a peer, also in its own pane, and a later stop is not recorded as a death',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      await home.iapeer('start', 'bob')
      const [session] = await listSessions(home.root)
      const socket = session?.socketPath ?? ''
      const refused = await home.iapeer('watch', socket)
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
      expect(refused.stderr).toMatch(/this tmux server runs the peer command-bob and already has a recorder/)
      const json = await home.iapeer('watch', socket, '--json')
      expect(jsonLines(json.stdout)).toMatchObject([{ state: 'failed', code: 'is-a-peer' }])
      const inside = await home.iapeerWith({ TMUX: `${socket},${session?.server.pid},0` }, 'watch')
      expect(inside).toMatchObject({ exitCode: 1, stdout: '' })
      const elsewhere = await newHome().iapeer('watch', socket)
      expect(elsewhere.stderr).toMatch(/runs the peer command-bob of .* and already has a recorder/)
      expect((await home.iapeer('stop', 'bob')).exitCode).toBe(0)
      expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    },
  )

  it.each([
    [['start', 'eve'], 4, /no such peer: eve/],
    [['stop', 'eve'], 4, /no such peer: eve/],
    [
      ['start', 'bob', '--timeout', 'soon'],
      2,
      /invalid --timeout "soon": expected .*\n {2}Use whole or decimal/,
    ],
    [['start', 'bob', '--timeout', '0'], 2, /--timeout must be greater than 0/],
    [['start', 'bob', '--all'], 2, /--all cannot be combined with a peer/],
    [['start', 'bob', '--runtime', 'a-b'], 2, /not a runtime/],
    [['start', 'bob', '--runtime', 'codex'], 2, /iapeer runtimes add codex --peer bob/],
    [['start', 'ann'], 1, /unknown runtime "pigeon"\n {2}Known runtimes: command, claude/],
    [
      ['start', 'odd'],
      1,
      /program not found: no-such-program, in the PATH of .*\n {2}Install it; .* Looked in/,
    ],
    [['attach', 'bob'], 3, /bob is not running\n {2}Start it: iapeer start bob/],
    [['send-keys', 'bob', 'x'], 3, /bob is not running/],
    [['logs', 'bob'], 3, /iapeer: bob has no output yet/],
  ])('%j exits with %i and prints what to do', async (args, exitCode, message) => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('create', 'ann', '--runtime', 'pigeon')
    await home.iapeer('create', 'odd', '--', 'no-such-program')
    const done = await home.iapeer(...args)
    expect(done.exitCode).toBe(exitCode)
    expect(done.stderr).toMatch(message)
    expect(done.stderr).not.toMatch(/\n\s+at /)
  })

  it.runIf(isFullCampaign())('the output of a program that exits at once is printed', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'echo "no licence found"; exit 9')
    const done = await home.iapeer('start', 'bob')
    expect(done.exitCode).toBe(1)
    expect(done.stderr).toMatch(
      /exited at once. Its output:\nno licence found\n {2}See why: iapeer autopsy command-bob\n$/,
    )
  })
})

describe('the terminal of a peer', () => {
  it('can be attached, typed into and detached, also inside another tmux', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'bash', '--norc', '--noprofile')
    await home.iapeer('start', 'bob')
    const outer = await home.server('outer')
    const env = Object.entries({ IAPEER_ROOT: home.root, TERM: 'xterm-256color' }).flatMap(
      ([name, value]) => ['-e', `${name}=${value}`],
    )
    await outer.tmux(
      'new-session',
      '-d',
      '-s',
      'w',
      '-x',
      '100',
      '-y',
      '30',
      ...env,
      process.execPath,
      MAIN,
      'attach',
      'bob',
    )
    const screen = async (): Promise<string> => (await outer.tmux('capture-pane', '-p', '-t', 'w')).stdout
    await until('the prompt', async () => /bash-[\d.]+[#$]/.test(await screen()))
    expect(await screen()).toContain('command-bob  (prefix d detaches)')
    await outer.tmux('send-keys', '-t', 'w', 'sleep 500', 'Enter')
    await outer.tmux('send-keys', '-t', 'w', 'C-c')
    await outer.tmux('send-keys', '-t', 'w', 'echo $((40+2))', 'Enter')
    await until('the answer', async () => (await screen()).includes('\n42'))
    // send-keys bypasses the prefix of the outer tmux: this prefix reaches the inner one.
    await outer.tmux('send-keys', '-t', 'w', 'C-b', 'd')
    await until('it to detach', async () => (await outer.tmux('has-session', '-t', '=w')).exitCode !== 0)
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +running/m)
    expect((await home.iapeer('logs', 'bob')).stdout).toMatch(/\n42\n/)
  })

  it('accepts keys and text, and its output can be followed, as plain text if the standard output is not a terminal', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'bash', '--norc', '--noprofile')
    await home.iapeer('start', 'bob')
    const following = home.start('logs', 'bob', '-f')
    await home.iapeer('send-keys', 'bob', "printf '\\033[31mred\\033[0m %s' Enter", 'Enter')
    await until('the text', () => following.text().includes('red Enter'))
    expect(following.text().includes('\u001b')).toBe(false)
    expect(await following.end('SIGINT')).toBe(130)
  })

  it.runIf(isFullCampaign())('cannot be attached without a terminal', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const done = await home.iapeer('attach', 'bob')
    expect(done).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /iapeer attach needs a terminal\n {2}Run it in a terminal, .*iapeer logs bob/,
      ),
    })
  })
})

describe('iapeer run', () => {
  it('runs a peer until SIGTERM, which stops it without a record', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const running = home.start('run', 'bob')
    await until('it to be running', () => /^bob is running: pid \d+/.test(running.text()))
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob/m)
    expect(await running.end('SIGTERM')).toBe(0)
    expect(running.text()).toMatch(/bob is stopped\n$/)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  })

  it('exits with 1 when its peer has died, and the death is recorded', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'sleep 0.5; exit 7')
    expect(await home.iapeer('run', 'bob')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/bob has exited, and was not stopped on purpose\n.*autopsy bob/),
    })
    const { stdout } = await until('the record', async () => {
      const deaths = await home.iapeer('deaths', '--json')
      return deaths.stdout === '' ? undefined : deaths
    })
    expect(jsonLines(stdout)).toMatchObject([{ identity: 'command-bob', exitCode: 7 }])
  })
})

it.runIf(isFullCampaign())('concurrent starts and stops leave no socket without a session', async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--', 'sleep', '1000')
  for (let round = 0; round < 4; round++) {
    await Promise.all(
      [
        ['start', 'bob'],
        ['start', 'bob'],
        ['stop', 'bob'],
        ['new', 'bob'],
      ].map((args) => home.iapeer(...args)),
    )
    const sockets = existsSync(join(home.root, 'run')) ? readdirSync(join(home.root, 'run')) : []
    expect(sockets.length).toBe((await listSessions(home.root)).length)
  }
  await home.iapeer('stop', 'bob')
  expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
})

it.runIf(isFullCampaign())("an invalid line of the user's tmux.conf is reported at every start", async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--', 'sleep', '1000')
  mkdirSync(home.root, { recursive: true })
  writeFileSync(join(home.root, 'tmux.conf'), 'nonsense\n')
  const done = await home.iapeer('start', 'bob')
  expect(done.exitCode).toBe(0)
  expect(besides(done.stderr)).toMatch(/^iapeer: .*tmux\.conf:1: unknown command: nonsense\n$/)
})

it.runIf(isFullCampaign())('a program has a terminal and the working directory of its peer', async () => {
  const home = newHome()
  const seen = join(home.path, 'seen')
  await home.iapeer(
    'create',
    'bob',
    '--cwd',
    home.path,
    '--',
    'sh',
    '-c',
    `tty >${seen}; pwd >>${seen}; exec sleep 1000`,
  )
  await home.iapeer('start', 'bob')
  const text = await until('its output', async () => {
    const { stdout } = await run('cat', [seen])
    return stdout.split('\n').length === 3 ? stdout : undefined
  })
  expect(text).toMatch(/^\/dev\/.*\n/)
  expect(text.endsWith(`${home.path}\n`)).toBe(true)
})
