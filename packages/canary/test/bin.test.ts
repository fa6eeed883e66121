import { fileURLToPath } from 'node:url'
import { run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { exits, roots } from './support.ts'

const newRoot = roots()
const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url))

function caller(env: NodeJS.ProcessEnv) {
  return (...args: string[]) =>
    run(process.execPath, [bin, ...args], { env: { ...process.env, TMUX: '', ...env } })
}

describe('iapeer-canary', () => {
  it('watches a server, lists it, and prints its death', async () => {
    const root = newRoot()
    const server = await root.server(root.socket('Work_1'))
    const call = caller({ IAPEER_CANARY_DIR: root.recordDir, TMUX: `${server.socketPath},${server.pid},0` })
    expect(await call('status')).toMatchObject({ exitCode: 0, stdout: 'no watched servers\n' })
    expect(await call('deaths')).toMatchObject({ exitCode: 0, stdout: 'no deaths recorded\n' })
    expect((await call('watch')).stdout).toBe(
      `spawned: tmux-work-1 (tmux server ${server.pid}, ${server.socketPath})\n`,
    )
    expect((await call('watch')).stdout).toMatch(/^already: tmux-work-1 /)
    expect((await call('status')).stdout).toBe(
      `tmux-work-1  armed  tmux server ${server.pid}  ${server.socketPath}\n`,
    )
    server.kill('SIGKILL')
    await until('the record', () => exits(root.recordDir).length > 0)
    expect((await call('deaths')).stdout).toMatch(/^\S+Z {2}tmux-work-1 {2}server-vanished {2}\/.*\.txt\n$/)
  })

  it('unwatch stops the watch, by identity or by socket, and can be repeated', async () => {
    const root = newRoot()
    const server = await root.server()
    const call = caller({ IAPEER_CANARY_DIR: root.recordDir })
    await call('watch', server.socketPath, '--identity', 'claude-bob')
    expect((await call('unwatch', 'claude-bob')).stdout).toBe('no longer watched: claude-bob\n')
    expect(await call('unwatch', 'claude-bob')).toMatchObject({
      exitCode: 0,
      stdout: 'not watched: claude-bob\n',
    })
    await call('watch', server.socketPath)
    expect((await call('unwatch', server.socketPath)).stdout).toBe('no longer watched: tmux-s\n')
    expect(server.alive()).toBe(true)
  })

  it.each([
    [[], 2, /Usage/],
    [['nonsense'], 2, /unknown command "nonsense"/],
    [['watch', 'a', 'b'], 2, /too many arguments/],
    [['status', 'x'], 2, /too many arguments/],
    [['watch', '--nope'], 2, /--nope/],
    [['watch', '/nowhere/socket'], 1, /no tmux server answers at \/nowhere\/socket/],
    [['watch', 'x\ny'], 1, /control characters/],
    [['unwatch', '--identity', 'x'], 1, /not an identity.*Use <runtime>-<name>/],
    [['--help'], 0, /Usage/],
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
  ])('%j exits with %i', async (args, exitCode, says) => {
    const root = newRoot()
    const done = await caller({ IAPEER_CANARY_DIR: root.recordDir })(...args)
    expect(done.exitCode).toBe(exitCode)
    expect(done.stdout + done.stderr).toMatch(says)
    expect(done.stderr).not.toMatch(/\n\s+at /)
  })
})
