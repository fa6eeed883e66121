import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFullCampaign, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const GEN = expect.stringMatching(/^[0-9a-f]{16}$/)

describe('iapeer watch, deaths and autopsy', () => {
  it('print the JSON of the contract, from watching to the verdict', async () => {
    const home = newHome()
    const server = await home.server()
    const watched = await home.iapeer('watch', server.socketPath, '--identity', 'claude-bob', '--json')
    expect(watched).toMatchObject({ exitCode: 0, stderr: '' })
    expect(jsonLines(watched.stdout)).toEqual([
      { schemaVersion: 2, state: 'spawned', identity: 'claude-bob', gen: GEN, serverPid: server.pid },
    ])
    expect(
      jsonLines((await home.iapeer('watch', server.socketPath, '--identity', 'claude-bob', '--json')).stdout),
    ).toMatchObject([{ state: 'already' }])
    server.kill('SIGKILL')
    await server.gone()

    const deaths = await until('the death', async () => {
      const { stdout } = await home.iapeer('deaths', '--json')
      return stdout === '' ? undefined : jsonLines(stdout)
    })
    expect(deaths).toEqual([
      {
        schemaVersion: 2,
        id: expect.stringMatching(/^claude-bob-[0-9a-f]{16}$/),
        ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        event: 'server-exit',
        identity: 'claude-bob',
        gen: GEN,
        serverPid: server.pid,
        mode: 'watch',
        recorder: 'watch',
        waitStatus: 1,
        cause: 'server-vanished',
        forensics: expect.stringMatching(/\.txt$/),
        verdict: 'unknown',
        confidence: 'low',
        provisional: true,
      },
    ])
    const autopsy = await home.iapeer('autopsy', 'claude-bob', '--json')
    expect(jsonLines(autopsy.stdout)).toEqual([
      {
        schemaVersion: 2,
        id: expect.stringMatching(/^claude-bob-/),
        verdict: 'unknown',
        confidence: 'low',
        summary: expect.stringContaining('disappeared'),
        evidence: expect.arrayContaining([{ section: 'exits.log', fact: expect.any(String) }]),
        provisional: true,
      },
    ])
    const shown = await home.iapeer('autopsy', 'claude-bob')
    expect(shown.stdout).toMatch(/^claude-bob: the tmux server disappeared/)
    expect(shown.stdout).toMatch(/^evidence$/m)
    expect((await home.iapeer('deaths')).stdout).toMatch(
      /^WHEN .*\n.* claude-bob +unknown +provisional +[0-9a-f]{8}\n$/,
    )
  })

  it('a failed watch prints the reason as text and as JSON, and exits with 3 where no server runs', async () => {
    const home = newHome()
    const socket = join(home.path, 'none')
    const failed = await home.iapeer('watch', socket)
    expect(failed).toMatchObject({ exitCode: 3, stdout: '' })
    expect(failed.stderr).toMatch(/^iapeer: tmux-none is not watched: no tmux server answers at /)
    expect(failed.stderr).toContain('run inside that tmux: tmux display-message')
    const json = await home.iapeer('watch', socket, '--json')
    expect(json.exitCode).toBe(3)
    expect(jsonLines(json.stdout)).toEqual([
      {
        schemaVersion: 2,
        state: 'failed',
        identity: 'tmux-none',
        code: 'no-server',
        reason: expect.any(String),
      },
    ])
  })

  it('watches the tmux that the user is in if no socket is given', async () => {
    const home = newHome()
    const server = await home.server('mine')
    const done = await run(process.execPath, [MAIN, 'watch'], {
      env: { ...home.env, TMUX: `${server.socketPath},${server.pid},0` },
    })
    expect(done.stdout).toContain(`tmux-mine is now watched: tmux server ${server.pid}`)
  })

  it('unwatch takes an identity or a socket, removes a kept watch, and exits with 4 for a name that is not watched', async () => {
    const home = newHome()
    const server = await home.server()
    await home.iapeer('watch', server.socketPath, '--identity', 'claude-bob', '--keep')
    expect((await home.iapeer('unwatch', server.socketPath)).stdout).toBe('stopped watching claude-bob\n')
    const again = await home.iapeer('unwatch', 'claude-bob')
    expect(again).toMatchObject({ exitCode: 4, stdout: '' })
    expect(again.stderr).toMatch(/^iapeer: no tmux server is or was watched as claude-bob\n {2}iapeer status/)
  })

  it.runIf(isFullCampaign())(
    'the next command watches a kept server again after it was restarted',
    async () => {
      const home = newHome()
      const first = await home.server()
      await home.iapeer('watch', first.socketPath, '--keep')
      await first.end()
      expect((await home.iapeer()).stdout).toMatch(/○ tmux-s +not running .*\(kept\)/)
      const second = await home.server()
      expect((await home.iapeer()).stdout).toMatch(
        new RegExp(`● tmux-s +watched +tmux server ${second.pid} .*\\(kept\\)\n\n1 death recorded`),
      )
    },
  )

  it('deaths --follow prints a new death, and Ctrl-C makes it exit with 130', async () => {
    const home = newHome()
    const server = await home.server()
    await home.iapeer('watch', server.socketPath)
    const following = home.start('deaths', '-f', '--json')
    server.kill('SIGTERM')
    const line = await until('the line', () => following.text().split('\n')[0] || undefined)
    expect(JSON.parse(line)).toMatchObject({ identity: 'tmux-s', cause: 'signaled-server-gone' })
    expect(await following.end('SIGINT')).toBe(130)
  })

  it('deaths --follow prints a new death in the columns of the deaths above it', async () => {
    const home = newHome()
    const logs = join(home.root, 'logs', 'iapeer')
    mkdirSync(logs, { recursive: true })
    const line = (gen: string, identity: string, signal: string) =>
      `ts=${new Date().toISOString()} ev=session-exit identity=${identity} gen=${gen} dead_status= dead_signal=${signal} leader_pid=8 forensics=\n`
    writeFileSync(join(logs, 'exits.log'), line('0123456789abcdef', 'claude-long-name', 'SIGKILL'))
    const following = home.start('deaths', '-f')
    await until('the first', () => following.text().includes('01234567'))
    appendFileSync(join(logs, 'exits.log'), line('fedcba9876543210', 'claude-bob', 'SIGSEGV'))
    await until('the second', () => following.text().includes('fedcba98'))
    await following.end('SIGINT')
    const ids = following
      .text()
      .trimEnd()
      .split('\n')
      .map((text) => text.search(/ID$|01234567|fedcba98/))
    expect(ids).toEqual([ids[0], ids[0], ids[0]])
  })

  it.runIf(isFullCampaign())('deaths selects by identity and by time', async () => {
    const home = newHome()
    const logs = join(home.root, 'logs', 'iapeer')
    mkdirSync(logs, { recursive: true })
    const line = (ts: string, identity: string) =>
      `ts=${ts} ev=session-exit identity=${identity} gen=0123456789abcdef dead_status=1 dead_signal= leader_pid=8 forensics=\n`
    writeFileSync(
      join(logs, 'exits.log'),
      line('2026-01-01T00:00:00.000Z', 'claude-old') + line(new Date().toISOString(), 'claude-new'),
    )
    const identities = async (...args: string[]) =>
      (await home.iapeer('deaths', '--json', ...args)).stdout
        .split('\n')
        .flatMap((text) => (text === '' ? [] : JSON.parse(text).identity))
    expect(await identities()).toEqual(['claude-old', 'claude-new'])
    expect(await identities('--since', '10m')).toEqual(['claude-new'])
    expect(await identities('--since', '2025-12-31')).toEqual(['claude-old', 'claude-new'])
    expect(await identities('--identity', 'claude-old')).toEqual(['claude-old'])
    expect(jsonLines((await home.iapeer('autopsy', 'claude-old', '--json')).stdout)).toMatchObject([
      { verdict: 'agent-failed' },
    ])
  })
})

describe('a new user', () => {
  it('sees a short guide on an empty host, and nothing is written', async () => {
    const home = newHome()
    const done = await home.iapeer()
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    expect(done.stdout).toMatch(/^There are no peers yet, and nothing is watched/)
    expect(readdirSync(home.path)).toEqual([])
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  })

  it('finds help, version and completion', async () => {
    const home = newHome()
    expect((await home.iapeer('--help')).stdout).toMatch(
      /Usage: iapeer[\s\S]*Examples:[\s\S]*Exit codes: 0 ok/,
    )
    expect((await home.iapeer('watch', '--help')).stdout).toContain('--keep')
    expect((await home.iapeer('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    for (const shell of ['bash', 'zsh', 'fish'])
      expect((await home.iapeer('completion', shell)).stdout).toContain('iapeer')
    expect((await home.iapeer('complete', '--', 'wat')).stdout).toMatch(/^watch\t/m)
  })

  it.each([
    [['nonsense'], 2, /no such command: nonsense\n {2}iapeer --help/],
    [['watch', '--nope'], 2, /unknown option '--nope'/],
    [['watch', 'a', 'b'], 2, /too many arguments/],
    [['watch', ''], 2, /the socket path is empty/],
    [['unwatch'], 2, /missing required argument/],
    [['watch', '/s', '--identity', 'x'], 2, /not an identity.*Use <runtime>-<name>/],
    [['watch', `/${'x'.repeat(200)}`], 2, /this system allows 10[37]/],
    [['deaths', '--since', 'yesterday'], 2, /invalid --since "yesterday": expected .*\n {2}Use 90s, 10m/],
    [['deaths', '--identity', 'x'], 2, /not an identity/],
    [['autopsy', 'eve'], 4, /no death of "eve" is recorded\n {2}iapeer deaths lists/],
    [['completion', 'tcsh'], 2, /invalid/],
  ])('%j exits with %i and prints what to do', async (args, exitCode, message) => {
    const done = await newHome().iapeer(...args)
    expect(done.exitCode).toBe(exitCode)
    expect(done.stderr).toMatch(message)
    expect(done.stderr).not.toMatch(/\n\s+at /)
  })

  it('a reader that exits early is not an error', async () => {
    const home = newHome()
    const done = await run('sh', ['-c', '"$0" "$1" --help | head -1', process.execPath, MAIN], {
      env: home.env,
    })
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
  })

  it('a root that is a file is reported as an error', async () => {
    const home = newHome()
    writeFileSync(home.root, '')
    const server = await home.server()
    const done = await home.iapeer('watch', server.socketPath)
    expect(done.exitCode).toBe(1)
    expect(done.stderr).toMatch(/cannot write records in/)
    const deaths = await home.iapeer('deaths')
    expect(deaths.stderr).toMatch(/^iapeer: /)
    expect(deaths.exitCode).toBe(1)
    const { rmSync } = await import('node:fs')
    rmSync(home.root)
  })
})

describe('iapeer demo', () => {
  it('shows two recorded deaths and a stop without a record in under five seconds, and leaves nothing', async () => {
    const home = newHome()
    const tmp = join(home.path, 't')
    mkdirSync(tmp)
    const started = performance.now()
    const done = await run(process.execPath, [MAIN, 'demo'], { env: { ...home.env, TMPDIR: tmp } })
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(done).toMatchObject({ exitCode: 0, stderr: '' })
    expect(done.stdout).toMatch(
      /command-ada {2}killed by kill -9[\s\S]*killed[\s\S]*recorded {2}within \d+ ms/,
    )
    expect(done.stdout).toMatch(
      /command-ben {2}killed by a script: tmux kill-server[\s\S]*killed-by-command[\s\S]*started by pid \d+ \(.*cleanup\.sh/,
    )
    expect(done.stdout).toMatch(/command-cid {2}stopped on purpose: no record, as intended\n/)
    expect(done.stdout).toMatch(
      /^Three tmux servers are running, each under a guard \(pids \d+, \d+, \d+\)\.\n\n/,
    )
    expect(done.stdout).toMatch(/\n\nAll processes and files of the demo are removed\.\n$/)
    expect(readdirSync(tmp)).toEqual([])
    expect(readdirSync(home.path)).toEqual(['t'])
  })

  it.runIf(isFullCampaign())('--keep keeps its files and prints their path', async () => {
    const home = newHome()
    const tmp = join(home.path, 't')
    mkdirSync(tmp)
    const done = await run(process.execPath, [MAIN, 'demo', '--keep'], { env: { ...home.env, TMPDIR: tmp } })
    expect(done.stdout).toMatch(/Its files are kept: \/tmp\/iapt-.*\/iapeer-demo-/)
    expect(readdirSync(tmp)).toHaveLength(1)
  })

  it.runIf(isFullCampaign())('prints what to do if tmux is missing, and leaves nothing', async () => {
    const home = newHome()
    const tmp = join(home.path, 't')
    mkdirSync(tmp)
    const env = { ...home.env, TMPDIR: tmp, PATH: '/nowhere' }
    const runs = Array.from({ length: 8 }, () => run(process.execPath, [MAIN, 'demo'], { env }))
    for (const done of await Promise.all(runs)) {
      expect(done.exitCode).toBe(1)
      expect(done.stderr).toMatch(/^iapeer: .*tmux cannot be run\n {2}Install tmux/)
    }
    expect(readdirSync(tmp)).toEqual([])
  })
})
