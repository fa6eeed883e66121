import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCommandLine } from '@iapeer/core/process'
import { readProfile } from '@iapeer/core/profile'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { homes, MAIN } from './support.ts'

const newHome = homes()

/** Starts a tmux server with a window that runs `args`. @returns the server, the pane and its program */
async function paneOf(home: ReturnType<typeof newHome>, ...args: string[]) {
  const server = await home.server()
  const made = ['new-window', '-d', '-P', '-F', '#{pane_id} #{pane_pid}', '-c', home.path, '-n', 'work']
  const [id = '', pid] = (await server.tmux(...made, ...args)).stdout.trim().split(' ')
  const program = await until('its program', async () => {
    const argv = (await readCommandLine(Number(pid)))?.argv
    return argv?.[0] !== 'tmux' && argv
  })
  return { server, id, pid: Number(pid), program, name: `${server.socketPath}:${id}` }
}

describe('iapeer create --from-pane', () => {
  it.runIf(isFullCampaign())(
    'creates a peer that runs the same program, and does not change the pane',
    async () => {
      const home = newHome()
      const command = ['sh', '-c', 'read line', 'x', 'a b', 'it\'s "so"']
      const { server, id, pid, program, name } = await paneOf(home, ...command)
      const paneState = async () => [
        (await server.tmux('display-message', '-p', '-t', id, '#{pane_pid} #{pane_dead} #{pane_width}'))
          .stdout,
        (await server.tmux('capture-pane', '-p', '-t', id)).stdout,
        (await server.tmux('list-clients')).stdout,
      ]
      const before = await paneState()
      const made = await home.iapeer('create', 'bob', '--from-pane', name, '--description', 'Waits.')
      expect(made).toMatchObject({ exitCode: 0, stderr: '' })
      expect(made.stdout).toMatch(/^● created bob \(command\)\n {2}home +\S+\/peers\/bob\n {2}cwd +/)
      expect(made.stdout).toMatch(new RegExp(`\n {2}from +${id}, process ${pid}\n`))
      expect(made.stdout).toContain('The pane keeps running.')
      expect(made.stdout).not.toContain('kill-server')
      expect(await paneState()).toEqual(before)
      await home.iapeer('start', 'bob')
      const listed = JSON.parse((await home.iapeer('list', '--json')).stdout)
      expect(listed).toMatchObject({ cwd: realpathSync(home.path), description: 'Waits.', state: 'running' })
      expect((await readCommandLine(listed.leaderPid))?.argv).toEqual(program)
      expect(await paneState()).toEqual(before)
      expect((await home.iapeer('stop', 'bob')).exitCode).toBe(0)
      expect(server.alive()).toBe(true)
    },
  )

  it('prints as JSON what it imported, and that the server has other sessions', async () => {
    const home = newHome()
    const { server, id, pid } = await paneOf(home, 'sleep', '1001')
    await server.tmux('new-session', '-d', '-s', 'two', 'sleep 1000')
    const { stdout } = await home.iapeer(
      ...['create', 'bob', '--from-pane', `${server.socketPath}:main:work.0`, '--json'],
    )
    const fromPane = {
      socketPath: server.socketPath,
      paneId: id,
      sessions: 2,
      pid,
      source: 'program',
      found: true,
    }
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ schemaVersion: 2, identity: 'command-bob', command: ['sleep', '1001'] },
      fromPane: { ...fromPane, running: ['sleep', '1001'] },
      hints: expect.arrayContaining([
        'The tmux server of the pane has 2 sessions, and a kill-server ends all of them; iapeer gives each peer its own server.',
      ]),
    })
  })

  it('imports a shell if only a shell is running, and says so', async () => {
    const home = newHome()
    const { name } = await paneOf(home, 'env', 'HISTFILE=', 'ENV=', 'bash', '--norc', '--noprofile', '-i')
    const made = await until('the shell', async () => {
      const done = await home.iapeer('create', 'bob', '--from-pane', name)
      if (done.stdout.includes('--norc')) return done
      await home.iapeer('remove', 'bob')
      return false
    })
    expect(made.stdout).toContain('Only a shell is running in the pane, so the peer runs that shell.')
  })

  it.each([
    [['--model', 'x', '--dangerously-skip-permissions'], [], 'skip', ['--model', 'x']],
    [['--dangerously-skip-permissions'], ['--permissions', 'ask'], 'ask', undefined],
    [['--permission-mode', 'plan'], [], 'own', ['--permission-mode', 'plan']],
    [['-c'], [], 'own', ['-c']],
  ])('of claude %j with %j has the permissions %s', async (args, options, permissions, kept) => {
    const home = newHome()
    const script = join(home.path, 'claude')
    writeFileSync(script, '#!/bin/sh\nwhile :; do sleep 1; done\n', { mode: 0o700 })
    const { name } = await paneOf(home, script, ...args)
    await home.iapeer('create', 'bob', '--from-pane', name, ...options)
    const profile = await readProfile(join(home.root, 'peers', 'bob'))
    expect(profile).toMatchObject({ defaultRuntime: 'claude', permissions })
    expect(profile?.command).toEqual(kept === undefined ? undefined : [script, ...kept])
  })

  it('refuses the pane that it runs in, where the program is iapeer itself', async () => {
    const home = newHome()
    const shell = [
      'env',
      `HOME=${home.path}`,
      `IAPEER_ROOT=${home.root}`,
      'HISTFILE=',
      'bash',
      '--norc',
      '--noprofile',
      '-i',
    ]
    const { server, id } = await paneOf(home, ...shell)
    await server.tmux(
      'send-keys',
      '-t',
      id,
      `${process.execPath} ${MAIN} create bob --from-pane $TMUX_PANE`,
      'Enter',
    )
    const shown = await until('its answer', async () => {
      const { stdout } = await server.tmux('capture-pane', '-p', '-J', '-t', id)
      return /created bob|runs this command itself/.test(stdout) && stdout
    })
    expect(shown).toContain('runs this command itself')
  })

  it('accepts another directory, home or runtime', async () => {
    const home = newHome()
    const { name } = await paneOf(home, 'sleep', '1002')
    const own = join(home.path, 'own')
    const args = ['--from-pane', name, '--cwd', '/', '--home', own, '--runtime', 'command']
    expect((await home.iapeer('create', 'bob', ...args)).exitCode).toBe(0)
    expect(await readProfile(own)).toMatchObject({ cwd: '/', command: ['sleep', '1002'] })
    const claude = await home.iapeer('create', 'ann', '--from-pane', name, '--runtime', 'claude')
    expect(claude).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('runs sleep 1002') })
  })

  it.each([
    [['--from-pane', ''], 2, /invalid pane "": expected a socket and a pane/],
    [['--from-pane', '%1'], 2, /Give SOCKET:%3 or SOCKET:SESSION:WINDOW.PANE/],
    [['--from-pane', '/nowhere:%1'], 2, /no such tmux socket: \/nowhere\n {2}To name a pane/],
    [['--from-pane', '/nowhere:%1', '--', 'ls'], 2, /--from-pane cannot be combined with a program \("ls"\)/],
  ])('%j exits with %i and creates nothing', async (args, exitCode, message) => {
    const home = newHome()
    expect(await home.iapeer('create', 'bob', ...args)).toMatchObject({
      exitCode,
      stdout: '',
      stderr: expect.stringMatching(message),
    })
    expect((await home.iapeer('list', '--json')).stdout).toBe('')
  })

  it('reports a pane that does not exist, a dead pane, and a server that has exited', async () => {
    const home = newHome()
    const { server, id, name } = await paneOf(home, 'sleep', '1003')
    const create = (pane: string) => home.iapeer('create', 'bob', '--from-pane', pane)
    expect(await create(`${server.socketPath}:%99`)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/has no pane %99\n {2}List the panes with/),
    })
    await server.tmux('set-option', '-g', 'remain-on-exit', 'on')
    await server.tmux('respawn-pane', '-k', '-t', id, 'true')
    const dead = async () => (await server.tmux('display-message', '-p', '-t', id, '#{pane_dead}')).stdout
    await until('the exit of its program', async () => (await dead()) === '1\n')
    expect(await create(name)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/the program of pane %\d+ has exited/),
    })
    await server.end()
    expect(await create(name)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('no tmux server answers'),
    })
  })
})
