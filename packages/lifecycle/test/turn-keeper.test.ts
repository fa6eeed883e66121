import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { isFresh, type PeerSession, readTurns } from '../src/sessions/index.ts'
import { type TurnChange, TurnKeeper } from '../src/turns/index.ts'

const track = asyncCleanups()
const self = await identifyProcess(process.pid)
if (self === undefined) throw new Error('this process has no id')

function newRoot(): string {
  const { path, remove } = privateDirectory()
  track(remove)
  for (const name of ['state', 'logs/lifecycle']) mkdirSync(join(path, name), { recursive: true })
  return path
}

/** A session of a program of which only the output is known. */
function sessionOf(name: string, leader: ProcessId): PeerSession {
  const startedAt = '2026-11-29T10:00:00.000Z'
  return {
    ...{ identity: toIdentity(`command-${name}`), gen: '0123456789abcdef', socketPath: '/none' },
    ...{ server: leader, leader, sessionId: '$0', paneId: '%0', startedAt, readyAt: startedAt },
  }
}

function printed(root: string, name: string, agoSecs: number): void {
  const path = join(root, 'logs', 'lifecycle', `command-${name}.log`)
  writeFileSync(path, 'x')
  const at = Date.now() / 1_000 - agoSecs
  utimesSync(path, at, at)
}

function keeperOf(root: string) {
  const changes: TurnChange[] = []
  const failures: unknown[] = []
  const keeper = new TurnKeeper(root, {
    onChange: (change) => changes.push(change),
    onError: (what, error) => failures.push([what, error]),
  })
  return { keeper, changes, failures }
}

describe('the daemon knows what agents do:', () => {
  it('all of them, also if more work than are looked at at a time', async () => {
    const root = newRoot()
    const names = Array.from({ length: 90 }, (_, at) => `p${at}`)
    for (const name of names) printed(root, name, 0)
    const sessions = names.map((name) => sessionOf(name, self))
    const { keeper, failures } = keeperOf(root)
    for (let round = 0; round < 3; round++) await keeper.look(sessions)
    expect(sessions.filter((session) => keeper.turnOf(session)?.state !== 'working')).toEqual([])
    printed(root, 'p89', 60)
    for (let round = 0; round < 2; round++) await keeper.look(sessions)
    expect(keeper.all().filter(({ turn }) => turn.state === 'idle')).toHaveLength(1)
    expect(failures).toEqual([])
  })

  it('each change once, and nothing of a session that has ended', async () => {
    const root = newRoot()
    printed(root, 'bob', 60)
    const bob = sessionOf('bob', self)
    const { keeper, changes } = keeperOf(root)
    for (let round = 0; round < 4; round++) await keeper.look([bob])
    printed(root, 'bob', 0)
    for (let round = 0; round < 3; round++) await keeper.look([bob])
    expect(changes.map(({ turn, before }) => [before?.state, turn.state])).toEqual([
      [undefined, 'idle'],
      ['idle', 'working'],
    ])
    await keeper.look([])
    expect(keeper.turnOf(bob)).toBeUndefined()
    expect((await readTurns(root))?.turns.size).toBe(0)
  })

  it('what a program did before it died stays what it did', async () => {
    const root = newRoot()
    printed(root, 'bob', 60)
    const { keeper } = keeperOf(root)
    await keeper.look([sessionOf('bob', self)])
    rmSync(join(root, 'logs', 'lifecycle', 'command-bob.log'))
    const dead = sessionOf('bob', { pid: self.pid, token: '1' })
    await keeper.look([dead])
    expect(keeper.all()[0]?.turn.state).toBe('idle')
  })
})

describe('the file of what agents do', () => {
  it('is read as it was written, and is not fresh for long', async () => {
    const root = newRoot()
    printed(root, 'bob', 60)
    await keeperOf(root).keeper.look([sessionOf('bob', self)])
    const kept = await readTurns(root)
    expect(kept?.turns.get(toIdentity('command-bob'))).toMatchObject({
      turn: { state: 'idle', source: 'output' },
    })
    const atMs = Date.parse(kept?.at ?? '')
    expect(kept && [isFresh(kept, atMs + 29_000), isFresh(kept, atMs + 31_000)]).toEqual([true, false])
  })

  it.each([
    ['', undefined],
    ['not json', undefined],
    ['{"at":"yesterday","turns":{}}', undefined],
    ['{"at":"2026-11-29T10:00:00Z","turns":[]}', []],
    ['{"at":"2026-11-29T10:00:00Z","turns":{"bob":{"turn":{"state":"idle","source":"output"}}}}', []],
    [
      '{"at":"2026-11-29T10:00:00Z","turns":{"command-bob":{"turn":{"state":"asleep","source":"output"}}}}',
      [],
    ],
  ])('%s has %j', async (text, turns) => {
    const root = newRoot()
    writeFileSync(join(root, 'state', 'turns.json'), text)
    expect(turns === undefined ? await readTurns(root) : [...((await readTurns(root))?.turns ?? [])]).toEqual(
      turns,
    )
  })

  it('has no time that is none, and a directory in its place is not read', async () => {
    const root = newRoot()
    const path = join(root, 'state', 'turns.json')
    const turn = { state: 'idle', source: 'output', since: 'garbage' }
    writeFileSync(path, JSON.stringify({ at: '2026-11-29T10:00:00Z', turns: { 'command-bob': { turn } } }))
    expect((await readTurns(root))?.turns.get(toIdentity('command-bob'))?.turn).toEqual({
      ...{ state: 'idle', source: 'output' },
    })
    rmSync(path)
    mkdirSync(path)
    expect(await readTurns(root)).toBeUndefined()
  })
})
