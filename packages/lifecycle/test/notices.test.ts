import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toIdentity } from '@iapeer/core/identity'
import { expect, it } from 'vitest'
import { listPending } from '../src/deaths/notify/outbox.ts'
import { Troubles } from '../src/deaths/notify/troubles.ts'
import { createEventLog } from '../src/index.ts'
import type { PeerSession } from '../src/sessions/index.ts'
import { changeTally } from '../src/sessions/index.ts'
import { noteRename } from '../src/sessions/rename-log.ts'
import { Notices } from '../src/supervise/notices.ts'
import { superviseSettings } from '../src/supervise/settings.ts'
import { roots } from './support.ts'

const { newRoot } = roots()
const BOB = toIdentity('command-bob')
const NOW = Date.now()
const ago = (secs: number): string => new Date(NOW - secs * 1_000).toISOString()

const session = (fields: Partial<PeerSession>): PeerSession => ({
  identity: BOB,
  gen: '0011223344556677',
  socketPath: '/s',
  server: { pid: 1, token: '1' },
  leader: { pid: 1, token: '1' },
  sessionId: '$0',
  paneId: '%0',
  startedAt: ago(3_600),
  readyAt: undefined,
  ...fields,
})

/** Returns the notices of a root whose notifications stay in the outbox: no server listens at their address. */
function noticesOf(root: string, kinds = 'all') {
  mkdirSync(join(root, 'state', 'lifecycle'), { recursive: true })
  const env = { IAPEER_NOTIFY_KINDS: kinds, IAPEER_WEBHOOK_URL: 'http://127.0.0.1:1/' }
  const troubles = new Troubles(root)
  const settings = () => superviseSettings({})
  const options = { env, log: createEventLog(root), settings, troubles, onWritten: () => {} }
  const written = async () => (await listPending(root)).map(({ notification }) => notification)
  return { notices: new Notices(root, options), written, troubles }
}

it('a launch that waits for a person is notified after five minutes, once', async () => {
  const { notices, written } = noticesOf(newRoot().root, 'blocked')
  const blocked = (secs: number) => session({ blocked: { since: ago(secs), screen: '', dialog: 'trust' } })
  await notices.blocked([blocked(299), session({ readyAt: ago(400) })], NOW)
  expect(await written()).toEqual([])
  for (let count = 0; count < 2; count++) await notices.blocked([blocked(301)], NOW)
  expect(await written()).toMatchObject([
    {
      kind: 'blocked',
      identity: BOB,
      summary: 'command-bob has waited for a person for 5 min (trust)',
      next: 'it waits until you answer: iapeer attach command-bob',
      deaths: [],
    },
  ])
})

const agent = (name: string): PeerSession =>
  session({ identity: toIdentity(`claude-${name}`), readyAt: ago(3_600) })

it('an agent that waits for a person in the middle of a turn is notified after five minutes, once for each dialog', async () => {
  const { notices, written } = noticesOf(newRoot().root)
  const waiting = (secs: number, source: 'launch' | 'sessions-file' = 'sessions-file') => ({
    session: agent('bob'),
    turn: { state: 'blocked', source, since: ago(secs), dialog: 'permission prompt (Bash)' } as const,
  })
  await notices.turns([waiting(299), waiting(900, 'launch')], NOW)
  expect(await written()).toEqual([])
  for (let count = 0; count < 2; count++) await notices.turns([waiting(301)], NOW)
  expect(await written()).toMatchObject([
    {
      kind: 'blocked',
      summary: 'claude-bob has waited for a person for 5 min (permission prompt (Bash))',
      next: 'it waits until you answer: iapeer attach claude-bob',
    },
  ])
  await notices.turns([waiting(700)], NOW)
  expect(await written()).toHaveLength(2)
})

it('an agent that cannot answer is notified after a minute, and many of one cause once an hour together', async () => {
  const { notices, written } = noticesOf(newRoot().root)
  const mute = (name: string, secs: number, cause: 'quota' | 'overload' = 'quota') => ({
    session: agent(name),
    turn: { state: 'mute', source: 'hook', since: ago(secs), cause, detail: 'HTTP 402' } as const,
  })
  await notices.turns([mute('ann', 59)], NOW)
  expect(await written()).toEqual([])
  await notices.turns([mute('ann', 61), mute('bob', 61, 'overload')], NOW)
  expect((await written()).map(({ summary }) => summary)).toEqual([
    'claude-ann cannot answer: quota used up (HTTP 402)',
    'claude-bob cannot answer: model overloaded (HTTP 402)',
  ])
  const names = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay']
  for (let count = 0; count < 2; count++)
    await notices.turns(
      names.map((name) => mute(name, 90)),
      NOW,
    )
  const all = await written()
  expect(all).toHaveLength(3)
  expect(all.find(({ id }) => id.startsWith('mute-fleet'))).toMatchObject({
    kind: 'mute',
    summary:
      '6 agents cannot answer: quota used up (HTTP 402): claude-ann, claude-bob, claude-cat, claude-dan, claude-eve and 1 more',
  })
})

it('a peer has recovered when a notification was about it and it has run for the window of a crash loop since', async () => {
  const { root } = newRoot()
  const { notices, written, troubles } = noticesOf(root)
  const ran = (secs: number) => session({ startedAt: ago(secs), readyAt: ago(secs) })
  await changeTally(root, BOB, (tally) => ({ ...tally, restarts: 1, lastEnd: 'crash' }))
  const now = { names: async () => new Set(['bob']), nowMs: NOW }
  await notices.recovered([ran(400)], now)
  expect(await written()).toEqual([])
  await troubles.note({ about: BOB, kind: 'peer', since: ago(500), what: 'it died' })
  // Another supervisor of the root goes on.
  const next = noticesOf(root).notices
  await next.recovered([ran(200)], now)
  expect(await written()).toEqual([])
  for (let count = 0; count < 2; count++) await next.recovered([ran(400)], now)
  expect(await written()).toMatchObject([
    { kind: 'recovered', identity: BOB, summary: 'command-bob has recovered: it has run for 7 min' },
  ])
  expect(await new Troubles(root).list()).toEqual([])
})

it('what was notified about a peer is forgotten once it is removed, and holds for its new name once it is renamed', async () => {
  const { root } = newRoot()
  const { notices, written, troubles } = noticesOf(root)
  for (const about of [BOB, 'command-ann', 'tmux-default'])
    await troubles.note({ about, kind: 'peer', since: ago(500), what: 'it died' })
  await troubles.note({ about: 'disk-full', kind: 'daemon', since: ago(500), what: 'full' })
  const abouts = async (): Promise<string[]> => (await new Troubles(root).list()).map(({ about }) => about)
  await noteRename(root, { ts: ago(450), from: 'ann' as never, to: 'eve' as never })
  await notices.recovered([], { names: async () => new Set(['bob', 'eve']), nowMs: NOW })
  expect(await abouts()).toEqual([BOB, 'command-ann', 'disk-full'])
  const eve = session({ identity: toIdentity('command-eve'), startedAt: ago(400), readyAt: ago(400) })
  await notices.recovered([eve], { names: async () => new Set(['eve']), nowMs: NOW })
  expect((await written()).map(({ summary }) => summary)).toEqual([
    'command-eve has recovered: it has run for 7 min',
  ])
  expect(await abouts()).toEqual(['disk-full'])
})

it('a problem of the daemon is notified once a day, and launches that fail are notified as given up', async () => {
  const { notices, written } = noticesOf(newRoot().root)
  const full = { id: 'disk-full', what: 'only 0 MB free', where: '/r' }
  for (const day of [10, 10, 11]) await notices.problems([full], new Date(Date.UTC(2026, 5, day)))
  await notices.gaveUp(BOB, { since: ago(0), why: 'claude is not installed', ofResume: false })
  expect((await written()).map(({ kind, summary }) => [kind, summary])).toEqual([
    ['daemon-problem', 'the daemon: only 0 MB free (/r)'],
    ['daemon-problem', 'the daemon: only 0 MB free (/r)'],
    ['gave-up', 'command-bob could not be restarted: claude is not installed'],
  ])
})

it('a problem that is over is notified, once', async () => {
  const { notices, written } = noticesOf(newRoot().root)
  const day = new Date(Date.UTC(2026, 5, 10))
  await notices.problems([], day)
  await notices.problems([{ id: 'disk-full', what: 'only 0 MB free', where: '/r' }], day)
  for (let count = 0; count < 2; count++) await notices.problems([], day)
  expect((await written()).map(({ kind, summary }) => [kind, summary])).toEqual([
    ['daemon-problem', 'the daemon: only 0 MB free (/r)'],
    ['recovered', 'over: the daemon: only 0 MB free (/r)'],
  ])
})

it('a corrupt list of troubles is an empty one', async () => {
  const { root } = newRoot()
  const { troubles } = noticesOf(root)
  writeFileSync(join(root, 'state', 'lifecycle', 'troubles.json'), '{"peer x":{"about":"x"},"y":[')
  expect(await troubles.list()).toEqual([])
})

it('a kind that the settings do not name is not written', async () => {
  const { notices, written } = noticesOf(newRoot().root, 'gave-up')
  await notices.restarted(BOB, NOW)
  await notices.problems([{ id: 'x', what: 'y' }], new Date())
  expect(await written()).toEqual([])
})
