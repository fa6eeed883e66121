import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { updatePeer } from '@iapeer/core/registry'
import { isFullCampaign, until } from '@iapeer/dev/testing'
import { stopDaemon } from '@iapeer/host'
import { changeTally, listSessions, withIdentity } from '@iapeer/lifecycle/sessions'
import { afterEach, describe, expect, it } from 'vitest'
import { ASKS, type Home, homes, jsonLines, MAIN } from './support.ts'

const newHome = homes()
const roots: string[] = []
afterEach(async () => {
  for (const root of roots.splice(0)) await stopDaemon(root)
})

/** Makes a peer one that gave up. */
async function giveUp({ root }: Home, name: string): Promise<void> {
  const identity = toIdentity(`command-${name}`)
  const loopSince = new Date().toISOString()
  const endings = ['1', '2', '3'].map((gen) => ({ gen, ts: loopSince, crash: true, death: true }))
  await withIdentity(root, identity, () =>
    changeTally(root, identity, (tally) => ({ ...tally, loopSince, endings, lastEnd: 'crash' })),
  )
}

/** Creates peers that wait at a dialog which iapeer does not know. */
async function createBlocked(home: Home, ...names: string[]): Promise<void> {
  const script = join(home.path, 'asks.sh')
  writeFileSync(script, ASKS)
  for (const name of names) {
    await home.iapeer('create', name, '--runtime', 'claude')
    await updatePeer(home.root, name, { command: ['/bin/sh', script] })
  }
}

const lines = (text: string): string[] => text.trimEnd().split('\n')

describe('start --all', () => {
  it.runIf(isFullCampaign())(
    'prints a line per peer, says why it skips one, goes on after a failure, and ends with a summary',
    async () => {
      const home = newHome()
      for (const name of ['ann', 'bob', 'cid', 'dan'])
        await home.iapeer('create', name, '--', 'sleep', '1000')
      await home.iapeer('create', 'eve', '--', 'no-such-program')
      await createBlocked(home, 'fay')
      await home.iapeer('start', 'ann')
      await home.iapeer('stop', 'bob')
      await giveUp(home, 'cid')
      const all = await home.iapeer('start', '--all', '--timeout', '2')
      expect(all.exitCode).toBe(1)
      expect(all.stderr).toMatch(/^iapeer: eve: program not found: no-such-program, in the PATH of /m)
      const text = all.stdout
      expect(text).toMatch(/^● ann is skipped: already running, pid \d+$/m)
      expect(text).toMatch(/^○ bob is skipped: it was stopped on purpose; iapeer start bob starts it$/m)
      expect(text).toMatch(
        /^✕ cid is skipped: it gave up after 3 deaths in 5 min\n {2}It gave up.*iapeer reset cid, then iapeer start cid$/m,
      )
      expect(text).toMatch(/^○ starting dan\n[\s\S]*^● dan is running: pid \d+$/m)
      expect(text).toMatch(/^○ starting eve$/m)
      expect(text).toMatch(
        /^! fay is running but blocked by what its screen shows: pid \d+\n {2}│ The moon is full\.$/m,
      )
      expect(lines(text).at(-1)).toMatch(
        /^(1 started|1 failed|1 blocked)(, (1 started|1 failed|1 blocked)){2}; skipped: 1 already running, 1 stopped on purpose, 1 gave up$/,
      )
      // The commands that the lines name work.
      expect((await home.iapeer('start', 'cid')).stderr).toContain('iapeer reset command-cid')
      await home.iapeer('reset', 'cid')
      for (const name of ['bob', 'cid']) expect((await home.iapeer('start', name)).exitCode).toBe(0)
      const again = await home.iapeer('start', '--all', '--timeout', '1')
      expect(again.stdout).toMatch(/^! fay is skipped: running, but blocked, pid \d+$/m)
      expect(lines(again.stdout).at(-1)).toBe('1 failed; skipped: 4 already running, 1 running, but blocked')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'exits with 8 if a peer is blocked, with the code of the errors if all are alike, and prints only JSON with --json',
    async () => {
      const home = newHome()
      await home.iapeer('create', 'ann', '--', 'sleep', '1000')
      await home.iapeer('create', 'bob', '--', 'sleep', '1000')
      await createBlocked(home, 'fay')
      await home.iapeer('stop', 'bob')
      const all = await home.iapeer('start', '--all', '--timeout', '2', '--json')
      expect(all.exitCode).toBe(8)
      expect(jsonLines(all.stdout).map(({ state, identity }) => [state, identity])).toEqual([
        ['launched', 'command-ann'],
        ['blocked', 'claude-fay'],
      ])
      expect((await newHome().iapeer('start', '--all')).stdout).toBe('no peers\n')
    },
    60_000,
  )

  it.runIf(isFullCampaign())(
    'reports a peer that takes long while it waits',
    async () => {
      const home = newHome()
      await createBlocked(home, 'fay', 'gus')
      await home.iapeer('create', 'ann', '--', 'sleep', '1000')
      const all = await home.iapeer('start', '--all', '--timeout', '13', '--no-daemon')
      expect(all.exitCode).toBe(8)
      expect(all.stderr).toMatch(/^iapeer: still starting fay \(\d+ s\), gus \(\d+ s\)$/m)
    },
    60_000,
  )
})

it.runIf(isFullCampaign())(
  'restart --all and stop --all print a line per peer and a summary',
  async () => {
    const home = newHome()
    for (const name of ['ann', 'bob', 'cid']) await home.iapeer('create', name, '--', 'sleep', '1000')
    for (const name of ['ann', 'bob']) await home.iapeer('start', name)
    const restarted = lines((await home.iapeer('restart', '--all')).stdout)
    expect(restarted.slice(0, -1).sort()).toEqual([
      expect.stringMatching(/^● ann is restarted: pid \d+$/),
      expect.stringMatching(/^● bob is restarted: pid \d+$/),
    ])
    expect(restarted.at(-1)).toBe('2 restarted; skipped: 1 not running')
    const stopped = lines((await home.iapeer('stop', '--all')).stdout)
    expect(stopped.slice(0, -1).sort()).toEqual(['○ ann is stopped', '○ bob is stopped'])
    expect(stopped.at(-1)).toBe('2 stopped; skipped: 1 not running')
    expect((await home.iapeer('stop', '--all')).stdout).toBe('skipped: 3 not running\n')
    expect((await home.iapeer('restart', 'ann')).stdout).toBe(
      'ann is not running\n  It was stopped on purpose. Start it: iapeer start ann\n',
    )
    expect((await home.iapeer('deaths')).stdout).toBe('no deaths recorded\n')
  },
  60_000,
)

it.runIf(isFullCampaign())(
  'Ctrl-C says that the daemon goes on with a launch, and how to stop the peer',
  async () => {
    const home = newHome()
    roots.push(home.root)
    await createBlocked(home, 'fay')
    await home.iapeer('daemon', 'start')
    const starting = spawn(process.execPath, [MAIN, 'start', 'fay', '--timeout', '60'], {
      env: home.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    starting.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    const exited = once(starting, 'close')
    await until('the launch', async () => (await listSessions(home.root)).length === 1, 20_000)
    starting.kill('SIGINT')
    expect(await exited).toEqual([130, null])
    expect(stderr).toBe(
      'iapeer: this command was interrupted, but the daemon goes on starting fay\n  Stop the peer: iapeer stop fay\n',
    )
    expect(await listSessions(home.root)).toHaveLength(1)
    expect((await home.iapeer('stop', 'fay')).exitCode).toBe(0)
    expect(await listSessions(home.root)).toHaveLength(0)
  },
  60_000,
)

it('the advice about a peer that gave up names reset before start, wherever it is printed', async () => {
  const home = newHome()
  await home.iapeer('create', 'bob', '--', 'sleep', '1000')
  await giveUp(home, 'bob')
  for (const args of [['restart'], ['attach'], ['send-keys', 'bob', 'x'], ['logs'], ['start']]) {
    const [verb = '', ...rest] = args
    const { stdout, stderr } = await home.iapeer(verb, ...(rest.length === 0 ? ['bob'] : rest))
    expect(`${stdout}${stderr}`).toMatch(/iapeer reset (command-)?bob, then iapeer start (command-)?bob/)
  }
})

it.runIf(isFullCampaign())(
  'the autopsy of a program that exited with 0 while it was launched says that the launch failed',
  async () => {
    const home = newHome()
    await home.iapeer('create', 'bob', '--', 'sh', '-c', 'echo bye; exit 0')
    expect((await home.iapeer('start', 'bob')).exitCode).toBe(1)
    const { stdout } = await home.iapeer('autopsy', 'bob')
    expect(stdout).toMatch(/^command-bob: .* exited with code 0, while it was being\s+launched\n/)
    expect(stdout).toMatch(
      /\nwhat to do\n {2}The launch failed: the program exited before it was ready\. Its last output\n? *\(iapeer logs command-bob\)/,
    )
    expect(stdout).toMatch(/\n {2}Start it: iapeer start command-bob\n$/)
    expect(stdout).not.toMatch(/Its program finished|<peer>/)
  },
)

it('list marks a peer whose agent acts without asking, and no other', async () => {
  const home = newHome()
  await home.iapeer('create', 'ann', '--runtime', 'claude')
  await home.iapeer('create', 'bob', '--runtime', 'claude', '--permissions', 'skip')
  const { stdout } = await home.iapeer('list')
  expect(stdout).toMatch(/^○ bob !skip +new /m)
  expect(stdout).toMatch(/^○ ann +new /m)
})
