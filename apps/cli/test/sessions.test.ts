import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '@iapeer/core/process'
import { updatePeer } from '@iapeer/core/registry'
import { run, until } from '@iapeer/dev/testing'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { describe, expect, it } from 'vitest'
import { besides, homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const PID = expect.any(Number)
const GEN = expect.stringMatching(/^[0-9a-f]{16}$/)

describe('iapeer start, stop and new', () => {
  it('bring a peer up and take it down, tell it in JSON, and leave no record of it', async () => {
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
      /^● command-bob is up already: pid \d+\n/,
    )
    expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([
      { ...session, state: 'running', canary: 'guard', personality: 'bob' },
    ])
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +alive +command /m)
    const renewed = jsonLines((await home.iapeer('new', 'bob', '--json')).stdout)
    expect(renewed).toMatchObject([{ state: 'launched' }])
    expect(jsonLines((await home.iapeer('stop', 'bob', '--json')).stdout)).toMatchObject([
      { identity: 'command-bob', state: 'ended', leader: 'asked', ms: PID },
    ])
    expect((await home.iapeer('stop', 'bob')).stdout).toBe(
      '✕ command-bob was not running; it stays stopped\n',
    )
    expect((await home.iapeer('list')).stdout).toMatch(/^✕ bob +stopped /m)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    expect(readdirSync(join(home.root, 'run'))).toEqual([])
  })

  it('a runtime as a command brings the peer of the directory up afresh', async () => {
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
  })

  it('new finds first what would keep it down, and keeps the runtime that was named', async () => {
    const home = newHome()
    mkdirSync(join(home.path, 'here'))
    await home.iapeer('create', 'bob', '--cwd', join(home.path, 'here'), '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    rmSync(join(home.path, 'here'), { recursive: true })
    const refused = await home.iapeer('new', 'bob')
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is gone') })
    expect(jsonLines((await home.iapeer('list', '--json')).stdout)).toMatchObject([{ state: 'running' }])
    expect((await home.iapeer('new', 'claude-bob')).stderr).toMatch(/no peer|not declared/)
  })

  it('a run ends well when somebody else takes the peer down, and is refused beside another run', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const run = home.start('run', 'command-bob')
    await until('it to be up', () => run.text().includes('is up'))
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +managed /m)
    const second = await home.iapeer('run', 'bob')
    expect(second).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('held up by process') })
    await home.iapeer('stop', 'bob')
    await until('the run to end', () => run.text().includes('is taken down'))
    expect(await run.end('SIGCONT')).toBe(0)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  })

  it('a peer does not attach to itself', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const [up] = jsonLines((await home.iapeer('start', 'bob', '--json')).stdout)
    const env = { ...home.env, TMUX: `/x,${Object(up).serverPid},0` }
    const refused = await run(process.execPath, [MAIN, 'attach', 'bob'], { env })
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is the terminal of') })
  })

  it('start and stop of all, refresh and reset', async () => {
    const home = newHome()
    for (const name of ['ann', 'bob']) await home.iapeer('create', name, '--', 'sleep', '1000')
    expect(await home.iapeer('refresh', 'ann')).toMatchObject({ exitCode: 3 })
    expect((await home.iapeer('start', '--all')).exitCode).toBe(0)
    expect((await home.iapeer('list')).stdout).toMatch(/● ann +alive[\s\S]*● bob +alive/)
    expect((await home.iapeer('refresh', 'ann')).stdout).toMatch(/^● command-ann is up anew: pid \d+\n/)
    expect((await home.iapeer('reset', 'ann')).stdout).toMatch(/^ann was in no crash loop/)
    expect((await home.iapeer('stop', '--all')).exitCode).toBe(0)
    expect((await home.iapeer('list')).stdout).toMatch(/✕ ann +stopped[\s\S]*✕ bob +stopped/)
    expect(await home.iapeer('stop')).toMatchObject({ exitCode: 2 })
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  })

  it('Ctrl-C calls off every launch of start --all, starts no further peer and leaves nothing', async () => {
    const home = newHome()
    // Their programs never show an input row: each launch waits for one.
    const names = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal']
    for (const name of names) {
      await home.iapeer('create', name, '--runtime', 'claude')
      await updatePeer(home.root, name, { command: ['/bin/sh', '-c', 'exec sleep 1000'] })
    }
    const starting = home.start('start', '--all')
    const booting = async () => (await listSessions(home.root)).length
    await until('four launches', async () => (await booting()) === 4, 20_000)
    expect(await starting.end('SIGINT')).toBe(130)
    expect(await booting()).toBe(0)
    expect(readdirSync(join(home.root, 'run'))).toEqual([])
    const launched = new Set(
      jsonLines((await home.iapeer('events', '--json')).stdout).map((one) => one['identity']),
    )
    expect(launched.size).toBeLessThanOrEqual(4)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  }, 60_000)

  it('stop --all leaves no server, guard or socket, whatever died before, and records what did', async () => {
    const home = newHome()
    for (const name of ['ann', 'bob', 'eva']) await home.iapeer('create', name, '--', 'sleep', '1000')
    await home.iapeer('start', '--all')
    const sessions = new Map((await listSessions(home.root)).map((one) => [String(one.identity), one]))
    const of = (name: string) => sessions.get(`command-${name}`) ?? expect.fail(name)
    // The end of bob's program is lost on tmux, ann's server is killed, eva runs.
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
    expect((await home.iapeer('list')).stdout).toMatch(/ann +asleep[\s\S]*bob +asleep[\s\S]*✕ eva +stopped/)
  })

  it('a peer that dies is explained', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'sleep 0.4; echo no more; exit 3')
    await home.iapeer('start', 'bob')
    const deaths = await until('its end', async () => {
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
    expect((await home.iapeer('list')).stdout).toMatch(/^○ bob +asleep /m)
  })

  it('a rename that is refused leaves it running', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('create', 'ann')
    await home.iapeer('start', 'bob')
    expect((await home.iapeer('rename', 'bob', 'ann')).exitCode).toBe(1)
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +alive/m)
  })

  it('a rename leaves it running, under its new name everywhere', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const [session] = await listSessions(home.root)
    const renamed = await home.iapeer('rename', 'bob', 'rob')
    expect(renamed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(renamed.stdout).toMatch(
      /^bob is rob now; its home stays .*\n {2}command-rob goes on running \(pid \d+\)\.\n {2}The agent itself learns its name at its next start: iapeer refresh rob\n$/,
    )
    expect((await home.iapeer('list')).stdout).toMatch(/^● rob +alive/m)
    expect((await home.iapeer('logs', 'rob')).exitCode).toBe(0)
    process.kill(session?.server.pid ?? 0, 'SIGKILL')
    await until(
      'the record',
      async () => (await home.iapeer('deaths', '--peer', 'rob', '--json')).stdout !== '',
    )
    const old = await home.iapeer('deaths', '--peer', 'bob')
    expect(old.stdout).toBe('no deaths recorded\n')
    expect(old.stderr).toMatch(/^bob was renamed to rob on .*: iapeer deaths --peer rob\n/)
    expect((await home.iapeer('autopsy', 'rob')).stdout).toMatch(/^command-rob: /)
    expect((await home.iapeer('autopsy', 'bob')).stderr).toMatch(/bob was renamed to rob/)
  })

  it('remove refuses a running peer; with --force it says what it stopped, in silence', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const refused = await home.iapeer('remove', 'bob')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      /bob is running \(pid \d+\); nothing was changed\n.*iapeer remove --force bob/,
    )
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +alive/m)
    const removed = await home.iapeer('remove', '--force', 'bob')
    expect(removed.exitCode).toBe(0)
    expect(removed.stdout).toMatch(/^stopped command-bob \(pid \d+\)\nbob is removed; its files stay in /)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
    expect(readdirSync(join(home.root, 'state', 'lifecycle'))).toEqual([])
  })

  it('watch refuses the server of a peer, typed in its pane too, and the stop stays silent', async () => {
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
  })

  it.each([
    [['start', 'nobody'], 4, /there is no peer nobody/],
    [['stop', 'nobody'], 4, /there is no peer/],
    [['start', 'bob', '--timeout', 'soon'], 2, /not a time: "soon"\n {2}Give seconds/],
    [['start', 'bob', '--timeout', '0'], 2, /a launch takes longer/],
    [['start', 'bob', '--runtime', 'a-b'], 2, /not a runtime/],
    [['start', 'bob', '--runtime', 'codex'], 2, /iapeer runtimes add codex --peer bob/],
    [['start', 'ann'], 1, /cannot launch the runtime pigeon\n {2}It can launch: command, claude/],
    [['start', 'odd'], 1, /there is no program no-such-program\n {2}Install it, .* Looked in/],
    [['attach', 'bob'], 3, /bob is not running\n {2}iapeer start bob/],
    [['send-keys', 'bob', 'x'], 3, /bob is not running/],
    [['logs', 'bob'], 3, /nothing has been logged of command-bob/],
  ])('%j ends with %i and says what to do', async (args, exitCode, says) => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('create', 'ann', '--runtime', 'pigeon')
    await home.iapeer('create', 'odd', '--', 'no-such-program')
    const done = await home.iapeer(...args)
    expect(done.exitCode).toBe(exitCode)
    expect(done.stderr).toMatch(says)
    expect(done.stderr).not.toMatch(/\n\s+at /)
  })

  it('what a program said that ended at once is shown', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'echo "no licence found"; exit 9')
    const done = await home.iapeer('start', 'bob')
    expect(done.exitCode).toBe(1)
    expect(done.stderr).toMatch(
      /ended at once. It said:\nno licence found\n {2}How it ended: iapeer autopsy command-bob\n$/,
    )
  })
})

describe('at the terminal of a peer', () => {
  it('one sits down, types, leaves it running, also from inside of another tmux', async () => {
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
    // The outer tmux takes no prefix from send-keys: this one reaches the inner one.
    await outer.tmux('send-keys', '-t', 'w', 'C-b', 'd')
    await until('it to leave', async () => (await outer.tmux('has-session', '-t', '=w')).exitCode !== 0)
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob +alive/m)
    expect((await home.iapeer('logs', 'bob')).stdout).toMatch(/\n42\n/)
  })

  it('keys and text can be sent, and the log followed, as plain text where there is no terminal', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'bash', '--norc', '--noprofile')
    await home.iapeer('start', 'bob')
    const following = home.start('logs', 'bob', '-f')
    await home.iapeer('send-keys', 'bob', "printf '\\033[31mred\\033[0m %s' Enter", 'Enter')
    await until('the text', () => following.text().includes('red Enter'))
    expect(following.text().includes('\u001b')).toBe(false)
    expect(await following.end('SIGINT')).toBe(130)
  })

  it('without a terminal it says so', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    await home.iapeer('start', 'bob')
    const done = await home.iapeer('attach', 'bob')
    expect(done).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/no terminal to attach\n {2}Run it in a terminal/),
    })
  })
})

describe('iapeer run', () => {
  it('holds a peer up until TERM, which takes it down in silence', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sleep', '1000')
    const running = home.start('run', 'bob')
    await until('it to be up', () => /command-bob is up: pid \d+/.test(running.text()))
    expect((await home.iapeer('list')).stdout).toMatch(/^● bob/m)
    expect(await running.end('SIGTERM')).toBe(0)
    expect(running.text()).toMatch(/bob is taken down\n$/)
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  })

  it('ends with 1 when its peer does, and that is recorded', async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'sleep 0.5; exit 7')
    expect(await home.iapeer('run', 'bob')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('ended by itself'),
    })
    const { stdout } = await until('the record', async () => {
      const deaths = await home.iapeer('deaths', '--json')
      return deaths.stdout === '' ? undefined : deaths
    })
    expect(jsonLines(stdout)).toMatchObject([{ identity: 'command-bob', exitCode: 7 }])
  })
})

it('two starts and a stop at once leave one state, and nothing that nobody knows of', async () => {
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

it("a wrong line of the person's tmux.conf is told at every start", async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--', 'sleep', '1000')
  mkdirSync(home.root, { recursive: true })
  writeFileSync(join(home.root, 'tmux.conf'), 'nonsense\n')
  const done = await home.iapeer('start', 'bob')
  expect(done.exitCode).toBe(0)
  expect(besides(done.stderr)).toMatch(/^iapeer: .*tmux\.conf:1: unknown command: nonsense\n$/)
})

it('a program run through a shell sees the same as in a terminal', async () => {
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
  const text = await until('what it saw', async () => {
    const { stdout } = await run('cat', [seen])
    return stdout.split('\n').length === 3 ? stdout : undefined
  })
  expect(text).toMatch(/^\/dev\/.*\n/)
  expect(text.endsWith(`${home.path}\n`)).toBe(true)
})
