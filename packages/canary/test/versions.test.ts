import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { copyProgram, refusingPair, run, serverAt } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { ensureCanary } from '../src/index.ts'
import { deathOf, recordOf, roots } from './support.ts'

const newRoot = roots()
const isLinux = process.platform === 'linux'

describe.runIf(isLinux)('a watch over a server that refuses the tmux on the PATH', () => {
  it('waits with the deleted program of the server, and records its death', async () => {
    const root = newRoot()
    const pair = await refusingPair(root.path)
    const copy = copyProgram(pair.server, join(root.path, 'tmux'))
    const socketPath = root.socket()
    const args = [
      '-S',
      socketPath,
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-P',
      '-F',
      '#{pid}',
      'sleep 1000',
    ]
    const started = await run(copy, args, { env: { ...process.env, TMUX: '' } })
    const server = serverAt(socketPath, Number(started.stdout))
    root.track(server.end)
    rmSync(copy)
    const request = { identity: 'claude-bob', socketPath, recordDir: root.recordDir }
    const armed = await ensureCanary({ ...request, tmux: pair.client })
    if (armed.state !== 'spawned') throw new Error(JSON.stringify(armed))
    expect(armed.serverPid).toBe(server.pid)
    const of = { ...request, root, server, gen: armed.gen }
    const client = recordOf(of)?.client
    expect((await run('readlink', [`/proc/${client?.pid}/exe`])).stdout).toBe(`${copy} (deleted)\n`)
    server.kill('SIGKILL')
    expect(await deathOf(of)).toMatchObject({ cause: 'server-vanished' })
  })

  it('fails with `server-refused` if the program of the server cannot be found', async () => {
    const root = newRoot()
    const pair = await refusingPair(root.path)
    const copy = copyProgram(pair.server, join(root.path, 'tmux'))
    const args = [
      '-S',
      root.socket(),
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-P',
      '-F',
      '#{pid}',
      'sleep 1000',
    ]
    const started = await run(copy, args, { env: { ...process.env, TMUX: '' } })
    const server = serverAt(root.socket(), Number(started.stdout))
    root.track(server.end)
    // Through a link, because the kernel knows a socket only by the path that it was bound to.
    const socketPath = root.socket('link')
    await run('ln', ['-s', root.socket(), socketPath])
    const request = { identity: 'claude-bob', socketPath, recordDir: root.recordDir, tmux: pair.client }
    expect(await ensureCanary(request)).toMatchObject({
      state: 'failed',
      code: 'server-refused',
      reason: expect.stringContaining('another version'),
    })
  })
})
