import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants, open } from 'node:fs/promises'
import { join } from 'node:path'
import { completeIntent, declareIntent, reconcile } from '@iapeer/canary'
import { toIdentity } from '@iapeer/core/identity'
import { observeProcess } from '@iapeer/core/process'
import { campaignCases, campaignSize, isFullCampaign, pidsCgroup, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { RUN_HOOK } from '../src/exit-hook.ts'
import { healLostChild, startLeader } from '../src/index.ts'
import { exitLines, launches, recorded, reportedSignal } from './support.ts'

const KILLS = campaignSize(30)

const { launch, newDirectory, track } = launches()
const SLEEP = ['sleep', '1000']
const NO_USER = { pid: 0, token: '-' }
const sh = (script: string): string[] => ['sh', '-c', script]

describe('the exit of a leader is recorded', () => {
  it.each([
    ['exit 0', 'exit 0', { dead_status: '0', dead_signal: '' }],
    ['exit 3', 'echo last words; exit 3', { dead_status: '3', dead_signal: '' }],
    ['SIGTERM', 'kill -TERM $$', { dead_status: '', dead_signal: reportedSignal('SIGTERM') }],
    ['SIGKILL', 'kill -KILL $$', { dead_status: '', dead_signal: reportedSignal('SIGKILL') }],
    ['SIGSEGV', 'kill -SEGV $$', { dead_status: '', dead_signal: reportedSignal('SIGSEGV') }],
  ])('%s: once, with its status or signal, and with a snapshot', async (_how, script, ending) => {
    const peer = await launch(sh(script))
    const deaths = await recorded(peer)
    expect(deaths).toEqual([
      expect.objectContaining({
        ev: 'session-exit',
        identity: 'command-bob',
        leader_pid: String(peer.leader.pid),
        recorder: 'hook',
        ...ending,
      }),
    ])
    await peer.server.gone()
    const snapshot = deaths[0]?.['forensics'] ?? ''
    const text = readFileSync(snapshot, 'utf8')
    expect(text).toMatch(/^session-death identity=command-bob gen=[0-9a-f]{16} /)
    expect(text).toMatch(/\n--- meminfo\n[\s\S]*\n--- pane-tail\n[\s\S]*\n--- end\n$/)
    if (ending.dead_status === '3') expect(text).toContain('\nlast words\n')
  })

  it('once if leader and server are killed within 30 ms of each other', async () => {
    const directory = newDirectory()
    for (let round = 0; round < KILLS; round++) {
      const peer = await launch(SLEEP, { directory })
      process.kill(peer.leader.pid, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, (30 * round) / KILLS))
      peer.server.kill('SIGKILL')
      await until('a record', () => peer.deaths().length > 0)
      const deaths = await peer.settled()
      expect(deaths).toHaveLength(1)
      expect(['server-exit', 'session-exit']).toContain(deaths[0]?.['ev'])
    }
    await reconcile({ recordDir: join(directory, 'rec') })
    expect(exitLines(join(directory, 'rec'))).toHaveLength(KILLS)
  }, 120_000)

  it('in directories whose names contain `#`, quotes and blanks', async () => {
    const directory = join(newDirectory(), `a #{pid} 'b' "c" $d \`e\` ;`)
    mkdirSync(directory)
    const peer = await launch(sh('pwd; exit 7'), { directory, cwd: directory })
    const [death] = await recorded(peer)
    expect(death).toMatchObject({ dead_status: '7', forensics: expect.stringContaining(directory) })
    expect(readFileSync(death?.['forensics'] ?? '', 'utf8').replaceAll('\n', '')).toContain('#{pid}')
  })

  it('and nothing in the name of its working directory is expanded or run', async () => {
    const directory = newDirectory()
    const cwd = join(directory, '#(touch PWNED) #S #{pid};')
    mkdirSync(cwd)
    const peer = await launch(sh('pwd > out'), { directory, cwd })
    await recorded(peer)
    expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe(`${cwd}\n`)
    expect([...readdirSync(directory), ...readdirSync(cwd)]).not.toContain('PWNED')
  })

  it.runIf(isFullCampaign())(
    'and a command of a single word is run as a program, not by a shell',
    async () => {
      const directory = newDirectory()
      const program = join(directory, 'd=x; echo')
      writeFileSync(program, '#!/bin/sh\necho ran > out\n', { mode: 0o700 })
      await recorded(await launch([program], { directory }))
      expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('ran\n')
    },
  )

  it('and the program has the umask of the process that launches it', async () => {
    const directory = newDirectory()
    const before = process.umask(0o027)
    try {
      await recorded(await launch(sh('umask > out'), { directory }))
    } finally {
      process.umask(before)
    }
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('0027\n')
  })

  it('and arguments reach the program unchanged', async () => {
    const directory = newDirectory()
    const odd = ['a b', '#{pid}', '$HOME', ';', 'x;', '', "'", '"', '\\', '-t', 'ü\n2']
    const peer = await launch([...sh('printf "%s\\0" "$@" > out'), 'sh', ...odd], { directory })
    await recorded(peer)
    expect(readFileSync(join(directory, 'out'), 'utf8').split('\0').slice(0, -1)).toEqual(odd)
  })
})

describe('in the session of a peer, a user can', () => {
  it.runIf(isFullCampaign())('open and close a second pane without stopping the peer', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('split-window', '-t', 'command-bob', 'true')
    await until('the second pane to close', async () => (await peer.handle.panes()).length === 1)
    await peer.server.tmux('split-window', '-t', 'command-bob', 'exec sleep 1000')
    await peer.server.tmux('kill-pane', '-t', '%2')
    expect(await peer.handle.alive()).toBe('alive')
    expect(peer.deaths()).toEqual([])
    process.kill(peer.leader.pid, 'SIGTERM')
    expect(await recorded(peer)).toMatchObject([{ dead_signal: reportedSignal('SIGTERM') }])
    await peer.server.gone()
  })

  it('rename the session without losing the record', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('rename-session', '-t', 'command-bob', 'mine')
    process.kill(peer.leader.pid, 'SIGTERM')
    expect(await recorded(peer)).toHaveLength(1)
    await peer.server.gone()
  })

  it.each([
    ['a second session', ['new-session', '-d', '-s', 'mine', 'exec sleep 1000']],
    ['a grouped session', ['new-session', '-d', '-s', 'mine', '-t', 'command-bob']],
  ])('keep %s with its own pane after the exit of the peer, which is recorded once', async (_what, args) => {
    const peer = await launch(SLEEP)
    await peer.server.tmux(...args)
    await peer.server.tmux('new-window', '-d', '-t', 'mine:', 'exec sleep 1000')
    process.kill(peer.leader.pid, 'SIGKILL')
    await until('the record', async () => {
      await healLostChild(peer.handle.process, peer.leader.pid)
      return peer.deaths().length > 0
    })
    await until('the session of the peer to be gone', async () => {
      const sessions = await peer.handle.sessions()
      return sessions.length === 1 && sessions[0]?.name === 'mine'
    })
    await until('its pane to go', async () =>
      (await peer.handle.panes()).every((pane) => pane.id !== peer.leader.paneId),
    )
    peer.server.kill('SIGKILL')
    expect(await peer.settled()).toHaveLength(1)
  })

  it('move its pane to another session, of which only that pane is closed', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
    await peer.server.tmux('join-pane', '-d', '-s', peer.leader.paneId, '-t', 'mine:')
    process.kill(peer.leader.pid, 'SIGTERM')
    await until('the pane to go', async () => {
      await healLostChild(peer.handle.process, peer.leader.pid)
      return (await peer.handle.panes()).length === 1
    })
    expect((await peer.handle.sessions()).map((one) => one.name)).toEqual(['mine'])
    expect(peer.deaths()).toMatchObject([{ dead_signal: reportedSignal('SIGTERM') }])
  })
})

it('an exit without a status is not recorded as exit code 0', async () => {
  const peer = await launch(SLEEP)
  const deaths = join(peer.recordDir, 'server-deaths')
  mkdirSync(deaths, { recursive: true })
  symlinkSync(
    'rc=unknown,ev=session,rec=999999:1,ts=1765000000000',
    join(deaths, `command-bob-${peer.gen}.claim`),
  )
  peer.server.kill('SIGKILL')
  expect(await peer.settled()).toMatchObject([{ ev: 'session-exit', dead_status: '', dead_signal: '' }])
})

it('a leader is not started if tmux is too old for the hook', async () => {
  const identity = toIdentity('command-bob')
  const server = {
    mode: 'watch',
    server: { pid: 1, token: '1' },
    gen: undefined,
    guardPid: undefined,
    scope: 'none',
  } as const
  const options = {
    identity,
    server,
    socketPath: '/s',
    recordDir: newDirectory(),
    cwd: '/',
    command: ['true'],
  }
  await expect(startLeader(options)).rejects.toMatchObject({
    code: 'tmux-too-old',
    hint: expect.stringContaining('Install tmux 3.2'),
  })
})

it.runIf(isFullCampaign())('the record of a hook that was killed is completed, once', async () => {
  const peer = await launch(sh('exit 4'))
  await recorded(peer)
  const directory = join(peer.recordDir, 'server-deaths')
  expect(readdirSync(directory).filter((name) => name.endsWith('.witness'))).toEqual([])
  // The hook writes within milliseconds, so the state after a kill in between is made by hand, from a real state.
  const next = await launch(SLEEP, { directory: peer.directory })
  const key = `command-bob-${next.gen}`
  expect(existsSync(join(peer.recordDir, 'state', 'canary', `${key}.hook`))).toBe(true)
  const claim = `rc=k11,ev=session,rec=999999:1,ts=1765000000000`
  expect((await run('ln', ['-s', claim, join(directory, `${key}.claim`)])).exitCode).toBe(0)
  next.server.kill('SIGKILL')
  expect(await next.settled()).toMatchObject([
    {
      ev: 'session-exit',
      dead_signal: 'SIGSEGV',
      leader_pid: String(next.leader.pid),
      ts: '2025-12-06T05:46:40.000Z',
    },
  ])
  expect(readFileSync(join(directory, `${key}.txt`), 'utf8')).toMatch(/^session-death [\s\S]*--- end\n$/)
  await reconcile({ recordDir: peer.recordDir })
  expect(exitLines(peer.recordDir)).toHaveLength(2)
})

describe('the exit is recorded even if this tmux leaves a format empty', () => {
  it.each(
    campaignCases([
      ['pane_id', { dead_signal: reportedSignal('SIGTERM') }],
      ['pane_pid', { dead_signal: reportedSignal('SIGTERM') }],
      ['pane_dead_status', { dead_signal: reportedSignal('SIGTERM') }],
      ['pane_dead_signal', { dead_signal: '', dead_status: '' }],
      ['IAPEER_HOOK_SESSION', { dead_signal: reportedSignal('SIGTERM') }],
      ['IAPEER_LEADER', { dead_signal: reportedSignal('SIGTERM') }],
    ] as const),
  )('without %s', async (format, ending) => {
    const peer = await launch(SLEEP)
    const shown = await peer.server.tmux('show-hooks', '-p', '-t', peer.leader.paneId, 'pane-died')
    expect(shown.stdout).toContain(`#{q:${format}}`)
    const command = RUN_HOOK.replace(`#{q:${format}}`, '#{q:iapeer_no_such_format}')
    await peer.server.tmux(
      ...['set-hook', '-p', '-t', peer.leader.paneId, 'pane-died', `run-shell "${command}"`],
    )
    process.kill(peer.leader.pid, 'SIGTERM')
    const [death] = await recorded(peer)
    expect(death).toMatchObject({ ev: 'session-exit', leader_pid: String(peer.leader.pid), ...ending })
    await peer.server.gone()
  })

  it('without the pid of the leader and its note of the launch', async () => {
    const peer = await launch(SLEEP)
    rmSync(join(peer.recordDir, 'state', 'canary', `command-bob-${peer.gen}.leader`))
    const command = RUN_HOOK.replace('#{q:pane_pid}', '#{q:iapeer_no_such_format}')
    await peer.server.tmux(
      ...['set-hook', '-p', '-t', peer.leader.paneId, 'pane-died', `run-shell "${command}"`],
    )
    process.kill(peer.leader.pid, 'SIGKILL')
    expect(await recorded(peer)).toMatchObject([
      { dead_signal: reportedSignal('SIGKILL'), leader_pid: String(peer.leader.pid), dead_status: '' },
    ])
  })
})

it('if tmux cannot start a process for the hook, the next check records the exit', async (test) => {
  const cgroup = pidsCgroup()
  if (typeof cgroup === 'string') return test.skip(cgroup)
  track(cgroup.remove)
  const peer = await launch(SLEEP)
  cgroup.add(peer.server.pid)
  cgroup.deny()
  process.kill(peer.leader.pid, 'SIGKILL')
  await until('tmux to know that it is dead', async () => {
    await healLostChild(peer.handle.process, peer.leader.pid)
    return (await peer.handle.panes()).every((pane) => pane.dead)
  })
  expect(peer.deaths()).toEqual([])
  expect(await peer.finish(100)).toBe(true)
  expect(await peer.settled()).toMatchObject([
    { ev: 'session-exit', dead_signal: reportedSignal('SIGKILL'), leader_pid: String(peer.leader.pid) },
  ])
})

it('a hook that was killed before it wrote anything is run again', async () => {
  const peer = await launch(sh('exit 4'), {})
  await recorded(peer)
  const next = await launch(SLEEP, { directory: peer.directory })
  // Without a hook, as if it was killed at once.
  await next.server.tmux('set-hook', '-u', '-p', '-t', next.leader.paneId, 'pane-died')
  process.kill(next.leader.pid, 'SIGTERM')
  expect(await next.finish()).toBe(true)
  expect(await next.settled()).toMatchObject([{ ev: 'session-exit', dead_signal: reportedSignal('SIGTERM') }])
})

describe('a leader that is removed from its pane is recorded although no hook runs', () => {
  const MINE = ['new-session', '-d', '-s', 'mine', 'exec sleep 1000']
  const removed = {
    ev: 'session-exit',
    cause: 'leader-removed',
    mode: 'none',
    dead_status: '',
    dead_signal: '',
  }

  it.each([
    ['by kill-pane while a second window exists', ['new-window', '-d', 'exec sleep 1000'], 'kill-pane', true],
    ['by kill-session while another session exists', MINE, 'kill-session', false],
  ])('%s', async (_how, beside, kill, isServerGone) => {
    const peer = await launch(SLEEP)
    await peer.server.tmux(...beside)
    await peer.server.tmux(kill, '-t', peer.leader.paneId)
    await until(
      'the leader to go',
      async () => (await observeProcess(peer.target.leader ?? NO_USER)) === 'gone',
    )
    expect(await peer.finish(100)).toBe(isServerGone)
    expect(await peer.finish(0)).toBe(isServerGone)
    const [death, ...more] = peer.deaths()
    expect(more).toEqual([])
    expect(death).toMatchObject({ ...removed, leader_pid: String(peer.leader.pid) })
    expect(readFileSync(death?.['forensics'] ?? '', 'utf8')).toMatch(/^session-death [\s\S]*--- end\n$/)
    const names = readdirSync(join(peer.recordDir, 'server-deaths'))
    expect(names).toContain(`command-bob-${peer.gen}.witness`)
    if (!isServerGone) peer.server.kill('SIGKILL')
    expect(await peer.settled()).toHaveLength(1)
  })

  it('by respawn-pane -k, and the new program keeps running', async () => {
    const peer = await launch(SLEEP)
    await peer.server.tmux('respawn-pane', '-k', '-t', peer.leader.paneId, 'exec sleep 1000')
    expect(await peer.finish(100)).toBe(false)
    expect(peer.deaths()).toMatchObject([removed])
    expect(await peer.handle.panes()).toMatchObject([{ dead: false }])
    peer.server.kill('SIGKILL')
    expect(await peer.settled()).toHaveLength(1)
  })

  it('unless a teardown removed it', async () => {
    const peer = await launch(SLEEP)
    await declareIntent(peer.target)
    await peer.server.tmux(...MINE)
    await peer.server.tmux('kill-session', '-t', peer.leader.sessionId)
    expect(await peer.finish(100)).toBe(false)
    expect(peer.deaths()).toEqual([])
    await peer.server.end()
    await completeIntent(peer.target)
  })
})

it('a blocked pane log does not hide the exit of its leader', async () => {
  const directory = newDirectory()
  const peer = await launch(sh('while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done'), { directory })
  const fifo = join(directory, 'full')
  await run('mkfifo', [fifo])
  const reader = await open(fifo, constants.O_RDWR)
  try {
    await peer.server.tmux('pipe-pane', '-t', peer.leader.paneId)
    await peer.server.tmux('pipe-pane', '-o', '-t', peer.leader.paneId, `exec cat >'${fifo}'`)
    await until(
      'the pipe to be full',
      async () =>
        (
          await peer.handle.run(['display-message', '-p', '-t', peer.leader.paneId, '#{pane_pipe}'])
        ).stdout.trim() === '1',
    )
    process.kill(peer.leader.pid, 'SIGKILL')
    expect(await peer.finish(300)).toBe(true)
    // Whether tmux reports the signal depends on how much output it had read before.
    expect(await peer.settled()).toMatchObject([{ ev: 'session-exit', dead_status: '' }])
  } finally {
    await reader.close()
  }
})
