import { mkdirSync, realpathSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCommandLine } from '@iapeer/core/process'
import {
  asyncCleanups,
  isFullCampaign,
  privateDirectory,
  startServer,
  type TestServer,
  until,
} from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { inspectPane } from '../src/index.ts'

const track = asyncCleanups()
/** Linux has exact arguments; on other systems `exact` is false. */
const onLinux = process.platform === 'linux'
const WAIT = ['-e', 'setInterval(() => {}, 1e6)']

/** Starts a tmux server of a user, with a session `main` that runs `sleep 1000`. */
async function newServer(socket = 's') {
  const directory = privateDirectory()
  track(directory.remove)
  const path = realpathSync(directory.path)
  mkdirSync(join(path, 'w'))
  const server = await startServer(join(path, socket))
  track(server.end)
  /** Runs a command in a new window. @returns the id of its pane */
  const pane = async (args: readonly string[], options: readonly string[] = []): Promise<string> => {
    const command = [
      'new-window',
      '-d',
      '-P',
      '-F',
      '#{pane_id} #{pane_pid}',
      '-t',
      'main:',
      '-c',
      join(path, 'w'),
    ]
    const { stdout, stderr } = await server.tmux(...command, ...options, ...args)
    if (stdout === '') throw new Error(stderr)
    const [id = '', pid] = stdout.trim().split(' ')
    // Until the child has called exec it is a copy of the server.
    await until('its program', async () => (await readCommandLine(Number(pid)))?.argv[0] !== 'tmux')
    return id
  }
  const shell = () => pane(['env', 'HISTFILE=', 'ENV=', 'bash', '--norc', '--noprofile', '-i'])
  const read = (name: string, cwd?: string) =>
    inspectPane(`${server.socketPath}:${name}`, cwd === undefined ? {} : { cwd })
  const type = async (id: string, text: string): Promise<void> => {
    await server.tmux('send-keys', '-t', id, text, 'Enter')
  }
  return { path, server, pane, shell, read, type }
}

/** Returns everything that a user can see of a server. */
async function stateOf({ tmux }: TestServer, id: string): Promise<unknown> {
  const facts = ['pid', 'dead', 'width', 'height', 'in_mode', 'active', 'title', 'current_command', 'pipe']
  const format = facts.map((one) => `#{pane_${one}}`).join('|')
  return Promise.all(
    [
      ['list-panes', '-a', '-F', format],
      ['capture-pane', '-p', '-e', '-S', '-', '-t', id],
      ['list-clients'],
      ['list-sessions'],
      ['show-options', '-g'],
      ['show-options', '-p', '-t', id],
      ['show-hooks', '-g'],
      ['list-buffers'],
    ].map(async (args) => (await tmux(...args)).stdout),
  )
}

describe('the command of a pane', () => {
  it('is found by the id of the pane and by its position, and the pane is not changed', async () => {
    const { path, server, read, pane } = await newServer()
    const id = await pane(['sleep', '1001'], ['-n', 'a b:c.d'])
    const before = await stateOf(server, id)
    const reading = await read(id)
    expect(reading).toMatchObject({
      socketPath: server.socketPath,
      paneId: id,
      sessions: 1,
      cwd: join(path, 'w'),
      runtime: 'command',
      command: ['sleep', '1001'],
      running: { source: 'program', exact: onLinux },
      found: true,
    })
    expect(await read('main:1.0')).toEqual(reading)
    expect(await read('main:a b:c.d.0')).toEqual(reading)
    expect(await stateOf(server, id)).toEqual(before)
  })

  it.runIf(onLinux)('keeps quotes, spaces, newlines and empty arguments', async () => {
    const { read, pane } = await newServer()
    const command = [
      process.execPath,
      ...WAIT,
      'a b',
      '',
      '"q"',
      "it's",
      'two\nlines',
      '$HOME;',
      '#{pid}',
      '%1',
      '',
    ]
    const id = await pane(command.map((word) => word.replace(/;$/, '\\;')))
    const { pid } = (await read(id)).running
    await until('its program', async () => (await readCommandLine(pid))?.argv.includes('a b'))
    expect(await read(id)).toMatchObject({ command, running: { exact: true } })
  })

  it('is the job of an interactive shell, with the directory of that job', async () => {
    const { path, read, shell, type } = await newServer()
    const id = await shell()
    await type(id, `cd ${path}; sleep 1002`)
    const job = await until('the job', async () => {
      const found = await read(id)
      return found.running.source === 'job' && found
    })
    expect(job).toMatchObject({ command: ['sleep', '1002'], cwd: onLinux ? path : expect.any(String) })
  })

  it('is the job of a nested shell', async () => {
    const { read, shell, type } = await newServer()
    const id = await shell()
    await type(id, 'bash --norc --noprofile -i')
    await until('the inner shell', async () => (await read(id)).running.jobs === 0)
    await type(id, 'sleep 1003')
    await until('the job', async () => (await read(id)).command?.join(' ') === 'sleep 1003')
  })

  it('is the shell itself at the prompt or for a pipeline, and a background process does not count as a job', async () => {
    const { read, shell, type } = await newServer()
    const id = await shell()
    await until('its prompt', async () => (await read(id)).running.source === 'shell')
    const command = ['bash', '--norc', '--noprofile', '-i']
    expect(await read(id)).toMatchObject({ command, running: { jobs: 0 } })
    await type(id, 'sleep 1004 &')
    await type(id, 'sleep 1005 | cat')
    await until('the pipeline', async () => (await read(id)).running.jobs === 2)
    expect(await read(id)).toMatchObject({ command, running: { source: 'shell' } })
  })

  it.runIf(onLinux)('of a login shell starts a login shell', async () => {
    const { read, pane } = await newServer()
    const id = await pane(['env', 'HISTFILE=', 'ENV=', 'bash', '-c', 'exec -a -sh sh'])
    await until('its prompt', async () => (await read(id)).command?.join(' ') === 'sh -l')
  })

  it.runIf(onLinux)(
    'is the only process of a sh -c line, with that line, and otherwise the line',
    async () => {
      const { read, pane } = await newServer()
      const one = await pane(['sh', '-c', 'sleep 1006; true'])
      const { running } = await until('the job', async () => {
        const found = await read(one)
        // Until the child has called exec it is a copy of its shell.
        return found.running.source === 'job' && found.running.argv[0] === 'sleep' && found
      })
      expect(running).toMatchObject({ argv: ['sleep', '1006'], line: ['sh', '-c', 'sleep 1006; true'] })
      const two = await pane(['sh', '-c', 'sleep 1007 | cat'])
      expect((await read(two)).command).toEqual(['sh', '-c', 'sleep 1007 | cat'])
    },
  )

  it('of a script is the script, not the command that the script runs', async () => {
    const { path, read, pane } = await newServer()
    writeFileSync(join(path, 'run.sh'), 'sleep 1008\ntrue\n')
    expect((await read(await pane(['sh', join(path, 'run.sh')]))).command).toEqual([
      'sh',
      join(path, 'run.sh'),
    ])
  })

  it('is the runtime claude or codex if the program has that name', async () => {
    const { path, read, pane } = await newServer()
    const cat = join(path, 'claude')
    symlinkSync('/bin/cat', cat)
    const id = await pane(['/bin/sh', '-c', 'exec "$0"', cat])
    const bare = await until('its program', async () => {
      const found = await read(id)
      return found.running.argv[0] === cat && found
    })
    expect(bare).toMatchObject({ runtime: 'claude', command: undefined, found: true })
    const codex = join(path, 'codex')
    writeFileSync(codex, `#!/bin/sh\nread line\n`, { mode: 0o755 })
    expect(await read(await pane(['sh', codex, '--flag', 'x']))).toMatchObject({
      runtime: 'codex',
      command: [codex, '--flag', 'x'],
      found: true,
    })
    expect(await read(await pane([process.execPath, ...WAIT, 'claude']))).toMatchObject({
      runtime: 'command',
    })
  })

  it.runIf(onLinux)('of a process that has set its own title is reported as not found', async () => {
    const { read, pane } = await newServer()
    const id = await pane([process.execPath, '-e', 'process.title = "my agent"; setInterval(() => {}, 1e6)'])
    await until('its title', async () => !(await read(id)).found)
  })
})

describe('the server of a pane', () => {
  it('may be shared, and all its sessions are counted', async () => {
    const { server, read } = await newServer()
    await server.tmux('new-session', '-d', '-s', 'other', 'sleep 1000')
    await server.tmux('new-session', '-d', '-s', 'third', '-t', 'main')
    expect(await read('%0')).toMatchObject({ sessions: 3 })
  })

  it('is found by a path with colons, and by a name as for tmux -L', async () => {
    const { server, path, read } = await newServer('a:b:c')
    expect((await read('%0')).socketPath).toBe(server.socketPath)
    const directory = join(path, `tmux-${process.getuid?.()}`)
    mkdirSync(directory, { mode: 0o700 })
    symlinkSync(server.socketPath, join(directory, 'own'))
    const env = { ...process.env, TMUX_TMPDIR: path }
    expect(await inspectPane('own:main:0.0', { env })).toMatchObject({
      socketPath: join(directory, 'own'),
      paneId: '%0',
    })
  })
})

describe('a pane that cannot be read', () => {
  it.each([
    ['', 'invalid-pane'],
    ['%0', 'invalid-pane'],
    ['/nowhere:', 'invalid-pane'],
    ['/nowhere:%0', 'no-such-socket'],
    ['no-such-name:%0', 'no-such-socket'],
  ])('%j is an error with a code and a hint', async (target, code) => {
    await expect(inspectPane(target)).rejects.toMatchObject({ code, hint: expect.any(String) })
  })

  it.each([
    ['%99', 'no-such-pane'],
    ['mai:0.0', 'no-such-pane'],
    ['main:9.0', 'no-such-pane'],
    ['main:0', 'invalid-pane'],
    ['main', 'invalid-pane'],
  ])('%s of a running server is an error with a code', async (name, code) => {
    const { read } = await newServer()
    await expect(read(name)).rejects.toMatchObject({ code, hint: expect.any(String) })
  })

  it('is ambiguous, dead, or in a directory that does not exist', async () => {
    const { path, server, read, pane } = await newServer()
    for (const seconds of ['1009', '1010']) await pane(['sleep', seconds], ['-n', 'same'])
    await expect(read('main:same.0')).rejects.toMatchObject({ code: 'ambiguous-pane' })
    await server.tmux('set-option', '-g', 'remain-on-exit', 'on')
    const dead = await pane(['true'])
    await until(
      'its exit',
      async () => (await server.tmux('display-message', '-p', '-t', dead, '#{pane_dead}')).stdout === '1\n',
    )
    await expect(read(dead)).rejects.toMatchObject({ code: 'pane-dead' })
    const gone = await pane(['sleep', '1011'])
    rmdirSync(join(path, 'w'))
    await expect(read(gone)).rejects.toMatchObject({
      code: 'cwd-missing',
      message: expect.stringMatching(/\/w$/),
    })
    expect(await read(gone, path)).toMatchObject({ cwd: path, command: ['sleep', '1011'] })
  })

  it.runIf(isFullCampaign())('is on a server that has exited or does not respond', async () => {
    const { server, read } = await newServer()
    await server.stop()
    await expect(read('%0')).rejects.toMatchObject({ code: 'server-unresponsive' })
    await server.end()
    await expect(read('%0')).rejects.toMatchObject({ code: 'no-server' })
  })
})
