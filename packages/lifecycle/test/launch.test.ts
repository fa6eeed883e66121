import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Identity, toIdentity, toRuntime } from '@iapeer/core/identity'
import { type PeerEntry, removePeer, updatePeer } from '@iapeer/core/registry'
import { campaignCases, isFullCampaign, serverAt, startServer, until } from '@iapeer/dev/testing'
import { peerSocketPath } from '@iapeer/tmux'
import { describe, expect, it } from 'vitest'
import { finishSessions, launchPeer, listSessions, readEvents, statusOf, stopPeer } from '../src/index.ts'
import { roots } from './support.ts'

const { track, newRoot } = roots()
const BOB = toIdentity('command-bob')

const logOf = (root: string, identity: Identity = BOB): string => {
  const path = join(root, 'logs', 'lifecycle', `${identity}.log`)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

describe('a peer', () => {
  it('starts with its identity, is enrolled, and is stopped without a death record', async () => {
    const { root, peer, deaths } = newRoot()
    const entry = await peer(['sh', '-c', 'env | sort; echo ready; exec sleep 1000'])
    const env = {
      ...process.env,
      CLAUDECODE: '1',
      PEER_IDENTITY: 'claude-other',
      TMUX: '/x,1,0',
      KEEP: 'this',
    }
    const launched = await launchPeer(root, entry, { env })
    expect(launched).toMatchObject({
      state: 'launched',
      session: { identity: BOB, sessionId: '$0', paneId: '%0' },
    })
    expect(await statusOf(root, BOB)).toMatchObject({ state: 'running', session: launched.session })
    await until('its output', () => logOf(root).includes('ready'))
    const log = logOf(root)
    for (const line of [
      'PEER_IDENTITY=command-bob',
      'PEER_PERSONALITY=bob',
      'PEER_RUNTIME=command',
      'KEEP=this',
      `PWD=${entry.home}`,
    ])
      expect(log).toMatch(new RegExp(`^${line}\r$`, 'm'))
    expect(log).not.toMatch(/CLAUDECODE|claude-other|IAPEER_HOOK/)
    expect(await stopPeer(root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
    expect(await statusOf(root, BOB)).toMatchObject({ state: 'stopped', session: undefined })
    expect(await stopPeer(root, BOB, { by: 'a test' })).toEqual({ state: 'stopped' })
    expect(deaths()).toEqual([])
    expect(readdirSync(join(root, 'run'))).toEqual([])
  })

  it('has its launch and its stop in lifecycle.log, each once, with their reasons', async () => {
    const { root, peer } = newRoot()
    const { session } = await launchPeer(root, await peer(['sleep', '1000']))
    await stopPeer(root, BOB, { by: 'a test', why: 'to see it' })
    await stopPeer(root, BOB, { by: 'a test' })
    const facts = { identity: BOB, gen: session.gen }
    const because = { ...facts, by: 'a test', why: 'to see it' }
    expect((await readEvents(root, { peer: 'bob' })).events).toMatchObject([
      { ev: 'canary', ...facts, state: 'spawned', origin: 'launch' },
      { ev: 'launch', ...facts, mode: 'fresh', ms: expect.any(Number) },
      { ev: 'intent', ...because, state: 'pending' },
      { ev: 'intent', ...because, state: 'done' },
      { ev: 'stop', ...because, result: 'ended' },
      { ev: 'stop', identity: BOB, why: 'asked', result: 'stopped' },
    ])
  })

  it('starts and stops even if lifecycle.log cannot be written, and the calls report that', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    mkdirSync(join(root, 'logs', 'iapeer', 'lifecycle.log'), { recursive: true })
    const { state, warnings } = await launchPeer(root, entry)
    expect([state, warnings]).toEqual([
      'launched',
      [expect.stringMatching(/^the launch is not in lifecycle\.log: EISDIR/)],
    ])
    const failures: unknown[] = []
    const stopped = await stopPeer(root, BOB, { by: 'a test', onLogFailure: (error) => failures.push(error) })
    expect([stopped.state, failures]).toEqual(['ended', [expect.objectContaining({ code: 'EISDIR' })]])
  })

  it('starts even if a setting of the log is invalid', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    process.env['IAPEER_LIFECYCLE_LOG_KEEP'] = 'many'
    try {
      const { state, warnings } = await launchPeer(root, entry)
      expect([state, warnings]).toEqual([
        'launched',
        [
          'the launch is not in lifecycle.log: invalid IAPEER_LIFECYCLE_LOG_KEEP "many": expected a whole number of files from 1 to 999',
        ],
      ])
    } finally {
      delete process.env['IAPEER_LIFECYCLE_LOG_KEEP']
    }
  })

  it('gets its launch.env, and its start arguments after the command', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sh', '-c', 'echo "[$COLOUR][$1][$2]"; exec sleep 1000', 'sh'])
    const directory = join(entry.home, '.iapeer', 'runtimes', 'command')
    mkdirSync(directory, { recursive: true })
    writeFileSync(
      join(directory, 'launch.env'),
      'export COLOUR="deep blue"\nPEER_START_ARGS=one "two words"\n',
    )
    await launchPeer(root, entry)
    await until('its output', () => logOf(root).includes('[deep blue][one][two words]'))
  })

  it('is launched once by concurrent callers', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    const all = await Promise.all(Array.from({ length: 5 }, () => launchPeer(root, entry)))
    expect(all.map((one) => one.state).sort()).toEqual([
      'already',
      'already',
      'already',
      'already',
      'launched',
    ])
    expect(new Set(all.map((one) => one.session.server.pid)).size).toBe(1)
  })

  it.runIf(isFullCampaign())('is not confused with a peer whose name starts with its name', async () => {
    const { root, peer } = newRoot()
    await launchPeer(root, await peer(['sleep', '1000'], 'bobby'))
    await launchPeer(root, await peer(['sleep', '1000'], 'bob'))
    await stopPeer(root, BOB, { by: 'a test' })
    expect((await statusOf(root, toIdentity('command-bobby'))).state).toBe('running')
  })

  it('that is killed does not run, has its death recorded, and can be started again', async () => {
    const { root, peer, deaths } = newRoot()
    const entry = await peer(['sleep', '1000'])
    const { session } = await launchPeer(root, entry)
    process.kill(session.leader.pid, 'SIGKILL')
    await until('its exit', async () => (await statusOf(root, BOB)).state === 'not-running')
    expect((await launchPeer(root, entry)).session.server.pid).not.toBe(session.server.pid)
    await until('the record', () => deaths().length > 0)
    expect(deaths()).toMatchObject([{ ev: 'session-exit', dead_signal: 'SIGKILL' }])
  })

  it.each(campaignCases(['SIGKILL', 'SIGINT'] as const))(
    'whose launch is interrupted by %s at any moment can be started and stopped',
    async (signal) => {
      const { root, peer, deaths } = newRoot()
      const entry = await peer(['sleep', '1000'])
      const script = `import('${new URL('../dist/index.js', import.meta.url).href}').then(async ({ launchPeer }) => {
      process.stdout.write('go'); process.once('SIGINT', () => process.exit(130))
      await launchPeer(${JSON.stringify(root)}, ${JSON.stringify(entry)})
    })`
      for (const afterMs of campaignCases([20, 5, 40, 80, 60, 100])) {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        const exited = new Promise((resolve) => child.once('exit', resolve))
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, afterMs))
        child.kill(signal)
        await exited
        const { session } = await launchPeer(root, entry)
        expect((await statusOf(root, BOB)).state).toBe('running')
        await stopPeer(root, BOB, { by: 'a test' })
        expect(serverAt(session.socketPath, session.server.pid).alive()).toBe(false)
      }
      const guards = join(root, 'state', 'canary')
      await until('every guard to be gone', () => readdirSync(guards).length === 0)
      expect(deaths()).toEqual([])
    },
    60_000,
  )

  it('that was removed is not launched', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    await removePeer(root, 'bob', new Date())
    await expect(launchPeer(root, entry)).rejects.toMatchObject({ code: 'no-such-peer' })
  })

  it('that is stopped during its launch is stopped afterwards', async () => {
    const { root, peer, deaths } = newRoot()
    const entry = await peer(['sleep', '1000'])
    const launching = launchPeer(root, entry)
    await stopPeer(root, BOB, { by: 'a test' })
    // Whichever has the lock first: a start that waited for the stop is not wanted any more.
    await launching.catch((error: unknown) => expect(error).toMatchObject({ code: 'not-due' }))
    await stopPeer(root, BOB, { by: 'a test' })
    expect((await statusOf(root, BOB)).state).toBe('stopped')
    expect(deaths()).toEqual([])
  })
})

describe('a launch', () => {
  const expectRefused = async (root: string, entry: PeerEntry, expected: object): Promise<void> => {
    await expect(launchPeer(root, entry, { timeoutMs: 5_000 })).rejects.toMatchObject(expected)
    expect(existsSync(join(root, 'run')) ? readdirSync(join(root, 'run')) : []).toEqual([])
    expect(await listSessions(root)).toEqual([])
  }

  it('of a missing program is refused before anything is started', async () => {
    const { root, peer, deaths } = newRoot()
    await expectRefused(root, await peer(['no-such-program', 'x']), {
      code: 'command-not-found',
      hint: expect.stringContaining('Looked in'),
    })
    expect(deaths()).toEqual([])
  })

  it('in a missing working directory is refused', async () => {
    const { root, path, peer } = newRoot()
    await peer(['sleep', '1000'])
    const cwd = join(path, 'repo')
    mkdirSync(cwd)
    await updatePeer(root, 'bob', { cwd })
    rmSync(cwd, { recursive: true })
    const [entry] = await (await import('@iapeer/core/registry')).listPeers(root)
    if (entry === undefined) throw new Error('no peer')
    await expectRefused(root, entry, { code: 'cwd-missing', message: expect.stringContaining(cwd) })
  })

  it('with an invalid launch.env is refused with the line', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    const directory = join(entry.home, '.iapeer', 'runtimes', 'command')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'launch.env'), 'A=1\nnonsense\n')
    await expectRefused(root, entry, {
      code: 'invalid-launch-env',
      message: expect.stringContaining('line 2'),
    })
  })

  it('as an undeclared or unknown runtime is refused', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    await expect(launchPeer(root, entry, { runtime: toRuntime('codex') })).rejects.toMatchObject({
      code: 'runtime-undeclared',
    })
    await updatePeer(root, 'bob', { runtimes: [toRuntime('command'), toRuntime('pigeon')] })
    const withUnknown = { ...entry, runtimes: [toRuntime('command'), toRuntime('pigeon')] }
    await expect(launchPeer(root, withUnknown, { runtime: toRuntime('pigeon') })).rejects.toMatchObject({
      code: 'runtime-unknown',
    })
  })

  it.runIf(isFullCampaign())(
    'of a program that exits at once reports its output, and the exit is recorded',
    async () => {
      const { root, peer, deaths } = newRoot()
      await expect(
        launchPeer(root, await peer(['sh', '-c', 'echo no licence; exit 9'])),
      ).rejects.toMatchObject({
        code: 'program-ended',
        message: expect.stringContaining('no licence'),
        hint: expect.stringContaining('iapeer autopsy command-bob'),
      })
      await until('the record', () => deaths().length > 0)
      expect(deaths()).toMatchObject([{ ev: 'session-exit', dead_status: '9' }])
    },
  )

  it('is over once the program sleeps and has no child; one that works for its first moments is watched longer', async () => {
    const { root, peer } = newRoot()
    const failing = await peer(['sh', '-c', 'sleep 0.07; exit 9'], 'ann')
    await expect(launchPeer(root, failing)).rejects.toMatchObject({ code: 'program-ended' })
    const busy = await peer(['sh', '-c', 'n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done; exit 9'], 'eva')
    await expect(launchPeer(root, busy)).rejects.toMatchObject({ code: 'program-ended' })
    expect(await launchPeer(root, await peer(['sleep', '1000']))).toMatchObject({ state: 'launched' })
  })

  it('whose tmux server is killed fails, is recorded once, and leaves nothing behind', async () => {
    const { root, peer, deaths } = newRoot()
    const entry = await peer(['sh', '-c', 'kill -KILL $PPID; exec sleep 1000'])
    await expect(launchPeer(root, entry)).rejects.toThrow(/command-bob/)
    await until('the record', () => deaths().length > 0)
    expect(deaths()).toMatchObject([{ ev: 'server-exit', signal: 'SIGKILL' }])
    expect((await statusOf(root, BOB)).state).toBe('not-running')
  })

  it('does not touch another server on its socket', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    mkdirSync(join(root, 'run'), { recursive: true })
    const other = await startServer(peerSocketPath(join(root, 'run'), BOB))
    track(other.end)
    await expect(launchPeer(root, entry)).rejects.toMatchObject({ code: 'socket-taken' })
    expect(other.alive()).toBe(true)
  })

  it('whose session file cannot be written leaves nothing running', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    mkdirSync(join(root, 'state', 'lifecycle', 'command-bob.session'), { recursive: true })
    await expect(launchPeer(root, entry)).rejects.toMatchObject({
      code: expect.stringMatching(/launch-failed|unusable-file/),
    })
    expect(existsSync(join(root, 'run')) ? readdirSync(join(root, 'run')) : []).toEqual([])
    rmSync(join(root, 'state', 'lifecycle', 'command-bob.session'), { recursive: true })
  })

  it('replaces a stale socket file', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    mkdirSync(join(root, 'run'), { recursive: true })
    const other = await startServer(peerSocketPath(join(root, 'run'), BOB))
    await other.end()
    expect(existsSync(other.socketPath)).toBe(true)
    expect((await launchPeer(root, entry)).state).toBe('launched')
  })

  it.runIf(isFullCampaign())(
    'uses the next socket if its earlier server still runs for another session',
    async () => {
      const { root, peer, deaths } = newRoot()
      const entry = await peer(['sleep', '1000'])
      const first = (await launchPeer(root, entry)).session
      const server = serverAt(first.socketPath, first.server.pid)
      track(server.end)
      await server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
      await server.tmux('kill-session', '-t', first.sessionId)
      await until('the record', async () => {
        await finishSessions(root)
        return deaths().length > 0
      })
      expect((await statusOf(root, BOB)).state).toBe('not-running')
      const second = await launchPeer(root, entry)
      expect(second.state).toBe('launched')
      expect(second.session.socketPath).toBe(first.socketPath.replace(/\.sock$/, '.2.sock'))
      expect((await server.tmux('list-sessions', '-F', '#S')).stdout.trim()).toBe('mine')
      expect(await stopPeer(root, BOB, { by: 'a test' })).toMatchObject({ state: 'ended' })
      expect((await server.tmux('list-sessions', '-F', '#S')).stdout.trim()).toBe('mine')
      expect(deaths()).toMatchObject([{ cause: 'leader-removed', gen: first.gen }])
    },
  )

  it.runIf(isFullCampaign())(
    'uses the next socket after a stop that left another session in its server',
    async () => {
      const { root, peer, deaths } = newRoot()
      const entry = await peer(['sleep', '1000'])
      const first = (await launchPeer(root, entry)).session
      const server = serverAt(first.socketPath, first.server.pid)
      track(server.end)
      await server.tmux('new-session', '-d', '-s', 'mine', 'exec sleep 1000')
      expect(await stopPeer(root, BOB, { by: 'a test' })).toMatchObject({ state: 'session-ended' })
      for (let round = 0; round < 2; round++) {
        const { session } = await launchPeer(root, entry)
        expect(session.socketPath).toBe(first.socketPath.replace(/\.sock$/, '.2.sock'))
        await stopPeer(root, BOB, { by: 'a test' })
      }
      expect((await server.tmux('list-sessions', '-F', '#S')).stdout.trim()).toBe('mine')
      expect(deaths()).toEqual([])
    },
  )

  it.runIf(isFullCampaign())('that fails does not report the output of an earlier program', async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sh', '-c', 'echo disk is broken; exit 3'])
    await expect(launchPeer(root, entry)).rejects.toThrow(/disk is broken/)
    await updatePeer(root, 'bob', { command: ['false'] })
    await expect(launchPeer(root, entry)).rejects.not.toThrow(/disk is broken/)
  })

  it("returns a wrong line of the user's tmux.conf as a warning and succeeds", async () => {
    const { root, peer } = newRoot()
    const entry = await peer(['sleep', '1000'])
    writeFileSync(join(root, 'tmux.conf'), 'set -g status-style bg=blue\nnonsense here\n')
    expect((await launchPeer(root, entry)).warnings).toEqual([
      expect.stringMatching(/tmux\.conf:2: .*nonsense/),
    ])
    expect((await statusOf(root, BOB)).state).toBe('running')
  })
})
