import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openServerProgram } from '@iapeer/canary'
import { identifyProcess } from '@iapeer/core/process'
import { copyProgram, refusingPair, run, startServer, terminalRefusingPair, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { healLostChild, runOnServer, TmuxServer, teardown } from '../src/index.ts'
import { launches } from './support.ts'

const { launch, newDirectory, track } = launches()

const isLinux = process.platform === 'linux'
const fixture = fileURLToPath(new URL('./fixtures/attach.mjs', import.meta.url))

/** Launches a peer whose tmux server runs a copy of the program. */
async function launchCopy(command: readonly string[], program: string, directory = newDirectory()) {
  const copy = copyProgram(program, join(directory, 'tmux'))
  return { copy, peer: await launch(command, { directory, tmux: copy }) }
}

describe.runIf(isLinux)('a server that refuses the tmux on the PATH', () => {
  it('is reached with its own program after that was deleted', async () => {
    const directory = newDirectory()
    const pair = await refusingPair(directory)
    const { copy, peer } = await launchCopy(['cat'], pair.server, directory)
    rmSync(copy)
    const { socketPath, server } = peer.target
    expect((await run(pair.client, ['-S', socketPath, 'list-sessions'])).stderr).toMatch(/server exited/)
    const handle = new TmuxServer({ socketPath, process: server, tmux: pair.client })
    expect(await handle.alive()).toBe('alive')
    expect(await handle.sessions()).toMatchObject([{ name: 'command-bob' }])
    await handle.sendKeys(peer.leader.paneId, [{ text: 'typed' }, { key: 'Enter' }])
    await handle.paste(peer.leader.paneId, 'pasted\n')
    await until('the echo', async () => /typed\n+pasted/.test(await handle.capturePane(peer.leader.paneId)))
    const done = await teardown({ ...peer.target, tmux: pair.client })
    expect(done).toMatchObject({ state: 'ended', leader: 'asked' })
    expect(await peer.settled()).toEqual([])
  })

  it('is reached with its own program after another version replaced the file', async () => {
    const directory = newDirectory()
    const pair = await refusingPair(directory)
    const { copy, peer } = await launchCopy(['cat'], pair.server, directory)
    rmSync(copy)
    copyProgram(pair.client, copy)
    const handle = new TmuxServer({ ...peer.target, process: peer.target.server, tmux: copy })
    expect(await handle.alive()).toBe('alive')
    expect(await handle.panes()).toHaveLength(1)
    expect(await teardown({ ...peer.target, tmux: copy })).toMatchObject({ state: 'ended' })
  })

  it('is reached although tmux was removed from the PATH', async () => {
    const { copy, peer } = await launchCopy(['cat'], (await refusingPair(newDirectory())).server)
    rmSync(copy)
    const handle = new TmuxServer({ ...peer.target, process: peer.target.server, tmux: copy })
    expect(await handle.alive()).toBe('alive')
  })

  it('has the exit of its leader recorded by the hook, with the last screen, and its session killed', async () => {
    const directory = newDirectory()
    const pair = await refusingPair(directory)
    const command = ['sh', '-c', 'echo last words; read line; exit 7']
    const { copy, peer } = await launchCopy(command, pair.server, directory)
    rmSync(copy)
    copyProgram(pair.client, copy)
    const handle = new TmuxServer({ ...peer.target, process: peer.target.server, tmux: pair.client })
    await handle.sendKeys(peer.leader.paneId, [{ key: 'Enter' }])
    // tmux 3.2 to 3.5 may miss its exit.
    await until('the end to be settled', async () => {
      await healLostChild(peer.target.server, peer.leader.pid)
      return peer.states().length === 0
    })
    const [death] = peer.deaths()
    expect(death).toMatchObject({ ev: 'session-exit', dead_status: '7' })
    expect(readFileSync(death?.['forensics'] ?? '', 'utf8')).toMatch(/--- pane-tail\n.*last words/)
    expect(peer.server.alive()).toBe(false)
  })

  it("is attached to with its own program, in the caller's terminal", async () => {
    const directory = newDirectory()
    const pair = await terminalRefusingPair(directory)
    const { copy, peer } = await launchCopy(['cat'], pair.server, directory)
    rmSync(copy)
    const outer = await startServer(join(directory, 'outer'))
    track(outer.end)
    const { socketPath, server, sessionId } = peer.target
    const argument = JSON.stringify({ socketPath, process: server, tmux: pair.client, sessionId })
    const window = [
      'new-window',
      '-n',
      'w',
      '-e',
      'TERM=xterm',
      '-e',
      'TMUX=',
      process.execPath,
      fixture,
      argument,
    ]
    await outer.tmux('set-option', '-g', 'remain-on-exit', 'on')
    await outer.tmux(...window)
    const screen = async (): Promise<string> => (await outer.tmux('capture-pane', '-p', '-t', ':w')).stdout
    await until('the status line', async () => (await screen()).includes('command-bob  (prefix d detaches)'))
    await outer.tmux('send-keys', '-t', ':w', 'C-b', 'd')
    await until('the exit code', async () => /left with 0/.test(await screen()))
    expect(await peer.handle.alive()).toBe('alive')
  })

  it('is an error with the reason if its own program cannot be used', async () => {
    const directory = newDirectory()
    const pair = await refusingPair(directory)
    const server = await startServer(join(directory, 's'))
    track(server.end)
    const gone = { pid: server.pid, token: '1' }
    const handle = new TmuxServer({ socketPath: server.socketPath, process: gone, tmux: pair.client })
    await expect(handle.runInTerminal(['attach-session'])).rejects.toMatchObject({
      code: 'tmux-version-mismatch',
      message: expect.stringContaining('server exited'),
      hint: expect.stringContaining('iapeer restart'),
    })
    await server.end()
    // A server that is exiting refuses clients with the same message, which is not a mismatch.
    expect(await handle.runInTerminal(['attach-session'])).toBe(1)
  })

  it('is reported when it has exited before a client attaches to it', async () => {
    const directory = newDirectory()
    const pair = await refusingPair(directory)
    const { peer } = await launchCopy(['cat'], pair.server, directory)
    const { target } = peer
    const handle = new TmuxServer({ ...target, process: target.server, tmux: pair.client })
    // From now on the server's own program is used.
    expect(await handle.alive()).toBe('alive')
    await teardown({ ...target, tmux: pair.client })
    await expect(handle.runInTerminal(['attach-session'])).rejects.toMatchObject({ code: 'no-server' })
  })

  it("a terminal that tmux cannot use is not taken for another version: tmux's message is printed", async () => {
    const server = await startServer(join(newDirectory(), 's'))
    track(server.end)
    const id = await identifyProcess(server.pid)
    if (id === undefined) throw new Error('the server is gone')
    const handle = new TmuxServer({ socketPath: server.socketPath, process: id })
    // The test has no terminal.
    expect(await handle.runInTerminal(['attach-session'])).toBe(1)
  })
})

describe.runIf(isLinux)('the program of a server', () => {
  it('is opened only for a running tmux with the same start token', async () => {
    const server = await startServer(join(newDirectory(), 's'))
    track(server.end)
    const opened = openServerProgram(server.id)
    expect((await run(opened?.path ?? '', ['-V'])).stdout).toMatch(/\d\.\d/)
    expect((await run('readlink', [opened?.path ?? ''])).stdout).toMatch(/tmux\n$/)
    opened?.close()
    await expect(run(opened?.path ?? '', ['-V'])).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOENT|EACCES)$/),
    })
    expect(openServerProgram({ pid: server.pid, token: '1' })).toBeUndefined()
    const own = await identifyProcess(process.pid)
    expect(own && openServerProgram(own)).toBeUndefined()
    await server.end()
    expect(openServerProgram(server.id)).toBeUndefined()
  })

  it.runIf(process.getuid?.() === 0)('is not opened if it belongs to another user', async () => {
    const directory = newDirectory()
    await run('chmod', ['777', directory])
    const prefix = ['setpriv', '--reuid', '65534', '--clear-groups']
    const server = await startServer(join(directory, 's'), 'exec sleep 1000', prefix)
    track(server.end)
    expect(openServerProgram(server.id)).toBeUndefined()
  })

  it('is not run a second time if it is the tmux on the PATH', async () => {
    const server = await startServer(join(newDirectory(), 's'))
    track(server.end)
    const call = { socketPath: server.socketPath, args: ['no-such-command'] }
    expect(await runOnServer(server.id, call)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('unknown command'),
    })
  })
})
