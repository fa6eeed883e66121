import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { formatProcessId } from '@iapeer/core/process'
import { campaignCases, copyProgram, refusingPair, run, serverAt, startServer } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { ensureCanary } from '../src/index.ts'
import { findTmux } from '../src/process/spawn.ts'
import { assets, presentShells } from './by-shell.ts'
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

/** Runs a client that fails, and prints each program that was tried. */
const FAILING_CLIENT = `
. "$IAPEER_LIB/library.sh"
eval "real_$(sed -n '/^evidence_run() {/,/^}/p' "$IAPEER_LIB/evidence.sh")"
evidence_run() { printf '%s\n' "$2"; real_evidence_run "$@"; }
evidence_run_client 1 -N has-session -t =absent
printf 'code %s\n' $?
`

describe.runIf(isLinux).each(campaignCases(presentShells).map((shell) => ({ shell, name: shell.join(' ') })))(
  'a client of a recorder under $name',
  ({ shell: [file, ...args] }) => {
    const own = '/proc/self/fd/5'
    it.each([
      { tmux: 'the program of the server', tried: [] },
      { tmux: 'a link to it', tried: [] },
      { tmux: 'a copy of it', tried: [own] },
      { tmux: 'a missing file', tried: [own] },
    ])('that fails with $tmux tries $tried.length others', async ({ tmux, tried }) => {
      const root = newRoot()
      const server = await startServer(root.socket(), 'exec sleep 1000')
      root.track(server.end)
      const path = join(root.path, 'other-tmux')
      if (tmux === 'a link to it') symlinkSync(findTmux(), path)
      if (tmux === 'a copy of it') copyProgram(findTmux(), path)
      const program = tmux === 'the program of the server' ? findTmux() : path
      const env = {
        ...{ PATH: process.env['PATH'], HOME: root.path, IAPEER_LIB: assets, LIB: assets, TMUX_BIN: program },
        ...{ SOCKET: server.socketPath, SERVER: formatProcessId(server.id), SERVER_PID: String(server.pid) },
      }
      const { stdout, stderr } = await run(file, [...args, '-c', FAILING_CLIENT], { env })
      expect(stderr).toBe('')
      expect(stdout.trim().split('\n')).toEqual([program, ...tried, 'code 1'])
    })
  },
)
