import { mkdirSync } from 'node:fs'
import { rootLayout } from '@iapeer/core/paths'
import { asyncCleanups, privateDirectory, until } from '@iapeer/dev/testing'
import { createEventLog, type EventLog } from '@iapeer/lifecycle/eventlog'
import { describe, expect, it } from 'vitest'
import { EventBroadcast } from '../src/event-broadcast.ts'

const track = asyncCleanups()

function newLog(maxBytes = 5_000_000): { readonly root: string; readonly log: EventLog } {
  const directory = privateDirectory()
  track(directory.remove)
  mkdirSync(rootLayout(directory.path).records.recordDir, { recursive: true })
  const env = { IAPEER_LIFECYCLE_LOG_MAX_BYTES: String(maxBytes), IAPEER_LIFECYCLE_LOG_KEEP: '99' }
  return { root: directory.path, log: createEventLog(directory.path, { env }) }
}

const add = (log: EventLog, number: number): Promise<void> =>
  log.append({ ev: 'supervise', identity: `command-p${number % 2}`, action: 'stay-down', number })

interface Follower {
  readonly numbers: () => (number | 'gap')[]
  readonly cursors: string[]
  readonly leave: () => void
  readonly ended: Promise<void>
}

/** Follows, waiting `pauseMs` after each item. */
function follow(
  broadcast: EventBroadcast,
  options: { cursor?: string | undefined; peer?: string; pauseMs?: number } = {},
): Follower {
  const { cursor, peer, pauseMs } = options
  const leaving = new AbortController()
  const [seen, cursors]: [(number | 'gap')[], string[]] = [[], []]
  const items = broadcast.follow({
    cursor,
    filter: peer === undefined ? {} : { peer },
    signal: leaving.signal,
  })
  const ended = (async () => {
    for await (const item of items) {
      seen.push(item.event === undefined ? 'gap' : Number(item.event['number']))
      cursors.push(item.cursor)
      if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  })()
  return { numbers: () => seen, cursors, leave: () => leaving.abort(), ended }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_none, at) => from + at)

describe('followers of one log', () => {
  it('each get every new event, or every event after a cursor, once and in order, across rotations', async () => {
    // A file holds some thirty events.
    const { root, log } = newLog(3_000)
    await add(log, 0)
    const broadcast = new EventBroadcast(root)
    const first = follow(broadcast)
    await until('it to be at the end', async () => {
      await add(log, -1)
      return first.numbers().length > 0
    })
    for (const number of range(1, 100)) await add(log, number)
    await until('the first 100', () => first.numbers().at(-1) === 100)
    const from = (number: number): string => first.cursors[first.numbers().indexOf(number)] ?? ''
    const resumed = [10, 50, 100].map((number) => ({
      number,
      it: follow(broadcast, { cursor: from(number) }),
    }))
    const filtered = follow(broadcast, { cursor: from(1), peer: 'p0' })
    const slow = follow(broadcast, { cursor: from(1), pauseMs: 1 })
    // This follower first reads the log by itself, because its broadcast has read nothing yet.
    const other = new EventBroadcast(root)
    const old = follow(other, { cursor: from(20) })
    for (const number of range(101, 300)) await add(log, number)
    await until('all of it', () =>
      [first, filtered, slow, old, ...resumed.map(({ it: one }) => one)].every(
        (one) => one.numbers().at(-1) === 300,
      ),
    )
    expect(first.numbers().filter((number) => number !== -1)).toEqual(range(1, 300))
    for (const { number, it: one } of resumed) expect(one.numbers()).toEqual(range(number + 1, 300))
    expect(filtered.numbers()).toEqual(range(2, 300).filter((number) => number % 2 === 0))
    expect(slow.numbers()).toEqual(range(2, 300))
    expect(old.numbers()).toEqual(range(21, 300))
    for (const one of [first, filtered, slow, old, ...resumed.map(({ it: some }) => some)]) {
      one.leave()
      await one.ended
    }
  }, 30_000)

  it('get every event even if they are slower than the buffer, and do not slow down the others', async () => {
    const { root, log } = newLog()
    await add(log, 0)
    const broadcast = new EventBroadcast(root)
    const fast = follow(broadcast)
    await until('it to be at the end', async () => {
      await add(log, -1)
      return fast.numbers().length > 0
    })
    let resume = (): void => {}
    const held = new Promise<void>((resolve) => {
      resume = resolve
    })
    const leaving = new AbortController()
    const seen: number[] = []
    const cursor = fast.cursors.at(-1)
    const slow = (async () => {
      for await (const item of broadcast.follow({ cursor, filter: {}, signal: leaving.signal })) {
        seen.push(Number(item.event?.['number']))
        if (seen.length === 1) await held
      }
    })()
    for (const number of range(1, 3_000)) await add(log, number)
    await until('the fast one', () => fast.numbers().at(-1) === 3_000)
    resume()
    await until('the slow one', () => seen.at(-1) === 3_000)
    expect(seen.filter((number) => number !== -1)).toEqual(range(1, 3_000))
    leaving.abort()
    fast.leave()
    await Promise.all([slow, fast.ended])
  }, 60_000)

  it('stop the reader when the last one leaves, and a later follower starts a new one', async () => {
    const { root, log } = newLog()
    await add(log, 0)
    const broadcast = new EventBroadcast(root)
    for (const round of [1, 2, 3]) {
      const both = [follow(broadcast), follow(broadcast)]
      await until('both to be there', async () => {
        await add(log, round)
        return both.every((one) => one.numbers().length > 0)
      })
      for (const one of both) {
        expect(new Set(one.numbers())).toEqual(new Set([round]))
        one.leave()
        await one.ended
      }
      await add(log, 0)
    }
  })

  it('with an invalid cursor fail alone, and the others continue', async () => {
    const { root, log } = newLog()
    await add(log, 0)
    const broadcast = new EventBroadcast(root)
    const healthy = follow(broadcast)
    await until('it to be at the end', async () => {
      await add(log, 1)
      return healthy.numbers().length > 0
    })
    await expect(follow(broadcast, { cursor: 'not a cursor' }).ended).rejects.toMatchObject({
      code: 'bad-cursor',
    })
    await add(log, 2)
    await until('the healthy one', () => healthy.numbers().at(-1) === 2)
    healthy.leave()
    await healthy.ended
  })

  it('that read late get every event since they began to follow', async () => {
    const { root, log } = newLog()
    await add(log, 0)
    const broadcast = new EventBroadcast(root)
    const first = follow(broadcast)
    await until('it to be at the end', async () => {
      await add(log, 1)
      return first.numbers().length > 0
    })
    const leaving = new AbortController()
    const items = broadcast.follow({ filter: { ev: ['stop'] }, signal: leaving.signal })
    const stop = { ev: 'stop', identity: 'command-p0', by: 'test', why: 'test', result: 'ended' } as const
    await log.append({ ...stop, number: 2 })
    await until('the first one', () => first.numbers().at(-1) === 2)
    const late = items.next()
    await log.append({ ...stop, number: 3 })
    expect((await late).value?.event?.['number']).toBe('2')
    leaving.abort()
    first.leave()
    await first.ended
  })

  it('whose signal is already aborted read nothing', async () => {
    const { root } = newLog()
    // A reading would fail on this root.
    const items = new EventBroadcast(`${root}\0`).follow({ filter: {}, signal: AbortSignal.abort() })
    expect(await items.next()).toEqual({ done: true, value: undefined })
  })

  it('all fail if the log cannot be read, and the next follower tries again', async () => {
    const { root, log } = newLog()
    const broken = new EventBroadcast(`${root}\0`)
    await expect(follow(broken).ended).rejects.toThrow()
    await expect(follow(broken).ended).rejects.toThrow()
    await add(log, 0)
    const broadcast = new EventBroadcast(root)
    const one = follow(broadcast)
    await until('an event', async () => {
      await add(log, 1)
      return one.numbers().length > 0
    })
    one.leave()
    await one.ended
  })
})
