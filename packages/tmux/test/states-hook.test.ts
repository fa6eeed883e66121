import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  contradictions,
  marksIn,
  readStates,
  readTraces,
  run,
  traceScripts,
  until,
} from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { exitLines, type Launched, launches } from './support.ts'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const rows = readStates(path('../states.json'))
const driven = new Set<string>()
const { launch } = launches()

interface Peer extends Launched {
  readonly statePath: string
  readonly deathsDir: string
  readonly claim: string
  readonly tracePath: string
  /** Runs the hook like tmux or `settle.sh`. @returns its output and exit code */
  readonly hook: (...args: string[]) => Promise<string>
  readonly met: (row: string) => Promise<unknown>
}

/** Launches a peer whose hook traces the states it passes; the test runs the hook instead of tmux. */
async function peer(script: string): Promise<Peer> {
  const bob = await launch(['sh', '-c', script])
  await bob.server.tmux('set-hook', '-pu', '-t', '%0', 'pane-died')
  const tracePath = join(bob.directory, 'trace')
  const lib = join(bob.directory, 'traced')
  cpSync(path('../../canary/assets'), lib, { recursive: true })
  cpSync(path('../assets'), lib, { recursive: true })
  traceScripts(lib, tracePath)
  const statePath = join(bob.recordDir, 'state', 'canary', `${bob.identity}-${bob.gen}`)
  writeFileSync(statePath, readFileSync(statePath, 'utf8').replace(/^lib=.*$/m, `lib=${lib}`))
  const deathsDir = join(bob.recordDir, 'server-deaths')
  return {
    ...bob,
    statePath,
    deathsDir,
    claim: join(deathsDir, `${bob.identity}-${bob.gen}.claim`),
    tracePath,
    hook: async (...args) => {
      const result = await run('/bin/sh', [join(lib, 'exit-hook.sh'), statePath, ...args])
      return `${result.stdout.trim()} ${result.exitCode}`.trim()
    },
    met: (row) => until(row, () => readTraces(tracePath).flat().includes(row)),
  }
}

/** The arguments of the hook for a dead pane. */
const died = (of: Peer, status: string, signal = ''): string[] => [
  '%0',
  String(of.leader.pid),
  status,
  signal,
  '$0',
  `%0:${of.leader.pid}`,
]

const WAIT = 'echo last words; read line; exit 3'
const end = (of: Peer): Promise<unknown> => of.server.tmux('send-keys', '-t', '%0', 'x', 'Enter')

const living = (): string => {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  return `${process.pid}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
}

function scenario(expected: readonly string[], what: string, act: () => Promise<Peer>): void {
  it(`${what}: ${expected.join(', ')}`, async () => {
    const { tracePath } = await act()
    const traces = readTraces(tracePath)
    expect(expected.filter((row) => !traces.flat().includes(row))).toEqual([])
    // The rows of the guard are in tables of its own.
    const own = traces.map((trace) => trace.filter((row) => row.startsWith('hook ')))
    for (const trace of own) expect(contradictions(trace, rows)).toEqual([])
    for (const row of expected) driven.add(row)
  })
}

scenario(
  ['hook asked pane-died', 'hook deciding claimed', 'hook writing written', 'hook ending session'],
  'a failure is recorded with the last screen, and the session is killed',
  async () => {
    const bob = await peer(WAIT)
    await end(bob)
    expect(await bob.hook(...died(bob, '3'))).toBe('0')
    await bob.server.gone()
    const [death] = await bob.settled()
    expect(death).toMatchObject({ ev: 'session-exit', dead_status: '3', recorder: 'hook' })
    expect(readFileSync(death?.['forensics'] ?? '', 'utf8')).toMatch(/\n--- pane-tail\nlast words\n/)
    return bob
  },
)

scenario(
  ['hook writing written', 'hook ending session'],
  'the last screen is kept for exit code 0 too, with wrapped lines joined and without the line of tmux',
  async () => {
    const bob = await peer(WAIT)
    await bob.server.tmux('resize-window', '-x', '4', '-y', '3')
    await end(bob)
    expect(await bob.hook(...died(bob, '0'))).toBe('0')
    await bob.server.gone()
    const [death] = await bob.settled()
    expect(death).toMatchObject({ dead_status: '0' })
    expect(readFileSync(death?.['forensics'] ?? '', 'utf8')).toMatch(/\n--- pane-tail\nlast words\nx\n---/)
    return bob
  },
)

const declare = (of: Peer): void =>
  writeFileSync(
    join(of.recordDir, 'state', 'intent', `${of.identity}-${of.gen}`),
    'state=done\ndeclarer=4194300:1\nby=test\nwhy=stop\n',
  )

scenario(
  ['hook deciding intended', 'hook ending session'],
  'an intended stop is not recorded, and the session is killed',
  async () => {
    const bob = await peer(WAIT)
    declare(bob)
    await bob.hook(...died(bob, '3'))
    await bob.server.gone()
    expect(await bob.settled()).toEqual([])
    return bob
  },
)

scenario(
  ['hook deciding taken', 'hook ending session'],
  'an exit that is claimed is not recorded twice',
  async () => {
    const bob = await peer(WAIT)
    writeFileSync(bob.claim, 'rc=137,ev=server,rec=4194300:1,ts=1781106127113,m=g\n')
    await bob.hook(...died(bob, '3'))
    await bob.server.gone()
    expect(exitLines(bob.recordDir)).toEqual([])
    const { reconcile } = await import('@iapeer/canary')
    await until('the claim to be completed', async () => {
      await reconcile({ recordDir: bob.recordDir })
      return bob.states().length === 0
    })
    return bob
  },
)

scenario(
  ['hook deciding unwritable', 'hook deciding claimed'],
  'a claim that cannot be made is tried again, and the session is kept until then',
  async () => {
    const bob = await peer(WAIT)
    rmdirSync(bob.deathsDir)
    writeFileSync(bob.deathsDir, '')
    const running = bob.hook(...died(bob, '3'))
    await bob.met('hook deciding unwritable')
    expect(await bob.handle.alive()).toBe('alive')
    rmSync(bob.deathsDir)
    await running
    await bob.server.gone()
    expect(await bob.settled()).toMatchObject([{ dead_status: '3' }])
    return bob
  },
)

scenario(
  ['hook asked leader-removed', 'hook deciding claimed', 'hook ending replaced'],
  'a leader whose pane runs another program is recorded, and the session keeps running',
  async () => {
    const bob = await peer(WAIT)
    await bob.hook('replaced')
    expect(bob.deaths()).toMatchObject([{ cause: 'leader-removed', mode: 'none' }])
    expect(await bob.handle.alive()).toBe('alive')
    bob.server.kill('SIGKILL')
    await bob.settled()
    return bob
  },
)

scenario(
  ['hook deciding removal-intended'],
  'a leader that was removed on purpose is not recorded',
  async () => {
    const bob = await peer(WAIT)
    declare(bob)
    await bob.hook('gone')
    expect(await bob.handle.alive()).toBe('alive')
    bob.server.kill('SIGKILL')
    expect(await bob.settled()).toEqual([])
    return bob
  },
)

scenario(['hook asked no-state'], 'the exit of a settled generation is not recorded', async () => {
  const bob = await peer(WAIT)
  const state = readFileSync(bob.statePath)
  rmSync(bob.statePath)
  expect(await bob.hook('gone')).toBe('0')
  writeFileSync(bob.statePath, state)
  bob.server.kill('SIGKILL')
  expect(await bob.settled()).toMatchObject([{ ev: 'server-exit' }])
  return bob
})

/** Returns a peer whose hook was killed between claim and line, and whose server is gone. */
async function claimed(recorder = '4194300:1'): Promise<Peer> {
  const bob = await peer(WAIT)
  const claim = `rc=k9,ev=session,rec=${recorder},ts=1781106127113\n`
  // Otherwise the guard would complete the record with the hook of the launch.
  rmSync(`${bob.statePath}.hook`)
  writeFileSync(join(bob.directory, 'later.sh'), 'exit 0\n')
  symlinkSync(join(bob.directory, 'later.sh'), `${bob.statePath}.hook`)
  writeFileSync(bob.claim, claim)
  bob.server.kill('SIGKILL')
  await bob.server.gone()
  return bob
}

scenario(
  ['hook asked finish', 'hook completing completed'],
  'an incomplete record is completed with the facts of its claim',
  async () => {
    const bob = await claimed()
    expect(await bob.hook()).toBe('completed 0')
    expect(await bob.settled()).toMatchObject([{ dead_signal: 'SIGKILL', ts: '2026-06-10T15:42:07.113Z' }])
    return bob
  },
)

scenario(['hook completing hook-lives'], 'a running hook completes its record itself', async () => {
  const bob = await claimed(living())
  expect(await bob.hook()).toBe('busy 3')
  writeFileSync(bob.claim, readFileSync(bob.claim, 'utf8').replace(living(), '4194300:1'))
  expect(await bob.hook()).toBe('completed 0')
  return bob
})

scenario(['hook completing taken'], 'only one process completes a record', async () => {
  const bob = await claimed()
  symlinkSync(living(), `${bob.claim}.takeover1`)
  expect(await bob.hook()).toBe('busy 3')
  rmSync(`${bob.claim}.takeover1`)
  expect(await bob.hook()).toBe('completed 0')
  return bob
})

scenario(['hook completing unwritable'], 'a line that cannot be written is written later', async () => {
  const bob = await claimed()
  const log = join(bob.recordDir, 'exits.log')
  expect(existsSync(log)).toBe(false)
  mkdirSync(log)
  expect(await bob.hook()).toBe('unwritable 1')
  rmdirSync(log)
  expect(await bob.hook()).toBe('completed 0')
  return bob
})

it('the tests reach every state and event of states.json, and the script marks no others', () => {
  expect([...rows.keys()].filter((row) => !driven.has(row))).toEqual([])
  const marked = marksIn(readFileSync(path('../assets/exit-hook.sh'), 'utf8'))
  expect([...new Set(marked)].sort()).toEqual([...rows.keys()].sort())
})
