import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asyncCleanups, isFullCampaign, privateDirectory, run, until } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import { createEventLog, endCursor, type FollowedEvent, followEvents, readEvents } from '../src/index.ts'

const track = asyncCleanups()
const WRITER = fileURLToPath(new URL('fixtures/event-writer.mjs', import.meta.url))

interface Log {
  readonly root: string
  readonly path: string
  readonly add: (...numbers: number[]) => Promise<void>
  /** Rotates as the writer does: the current file becomes `.1`, and so on. */
  readonly rotate: () => void
}

function newLog(): Log {
  const directory = privateDirectory()
  track(directory.remove)
  const root = directory.path
  const path = join(root, 'logs', 'iapeer', 'lifecycle.log')
  const log = createEventLog(root)
  const add = async (...numbers: number[]) => {
    for (const number of numbers)
      await log.append({ ev: 'supervise', identity: 'command-bob', action: 'stay-down', number })
  }
  const rotate = () => {
    const rotated = readdirSync(dirname(path)).filter((name) => /\.\d+$/.test(name)).length
    for (let number = rotated; number > 0; number--) renameSync(`${path}.${number}`, `${path}.${number + 1}`)
    renameSync(path, `${path}.1`)
  }
  return { root, path, add, rotate }
}

interface Follower {
  readonly items: FollowedEvent[]
  /** The numbers of the events so far; a gap is `gap`. */
  readonly seen: () => (number | 'gap')[]
  /** Stops following. @returns how long that took, in milliseconds */
  readonly end: () => Promise<number>
}

function follow(root: string, cursor?: string): Follower {
  const abort = new AbortController()
  const items: FollowedEvent[] = []
  const ended = (async () => {
    for await (const item of followEvents(root, { cursor, signal: abort.signal })) items.push(item)
  })()
  const end = async () => {
    const startedAt = performance.now()
    abort.abort()
    await ended
    return performance.now() - startedAt
  }
  track(end)
  const seen = () => items.map(({ gap, event }) => (gap === true ? 'gap' : Number(event?.['number'])))
  return { items, seen, end }
}

const upTo = (follower: Follower, count: number) =>
  until(`${count} items`, () => follower.items.length >= count)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_none, at) => from + at)

describe('a follower', () => {
  it('sees past and new events at once, stops promptly and leaves no watcher', async () => {
    const { root, add } = newLog()
    await add(0, 1)
    const follower = follow(root)
    await upTo(follower, 2)
    const before = performance.now()
    await add(2)
    await upTo(follower, 3)
    expect(performance.now() - before).toBeLessThan(900)
    expect(await follower.end()).toBeLessThan(500)
    expect(follower.seen()).toEqual([0, 1, 2])
    await until('the watcher to be gone', () => !process.getActiveResourcesInfo().includes('FSEventWrap'))
  })

  it('waits for a log that does not exist yet, and for a deleted directory to be created again', async () => {
    const { root, path, add } = newLog()
    const follower = follow(root)
    await add(0)
    await upTo(follower, 1)
    rmSync(dirname(path), { recursive: true })
    await add(1, 2)
    await upTo(follower, 4)
    expect(follower.seen()).toEqual([0, 'gap', 1, 2])
  })

  it('loses no event in three rotations between two reads', async () => {
    const { root, add, rotate } = newLog()
    await add(0)
    const events = followEvents(root, { signal: new AbortController().signal })
    const next = async () => (await events.next()).value?.event?.['number']
    expect(await next()).toBe('0')
    for (const number of [1, 2, 3]) {
      await add(number)
      rotate()
    }
    await add(4)
    expect([await next(), await next(), await next(), await next()]).toEqual(['1', '2', '3', '4'])
    await events.return()
  })

  it('does not repeat what it has read when the file that it reads is deleted', async () => {
    const { root, path, add, rotate } = newLog()
    await add(0)
    const follower = follow(root)
    await upTo(follower, 1)
    rotate()
    await add(1)
    await upTo(follower, 2)
    rmSync(path)
    await add(2)
    await upTo(follower, 4)
    expect(follower.seen()).toEqual([0, 1, 'gap', 2])
  })

  it('reports one gap when it is too slow for the files that are kept', async () => {
    const { root, path } = newLog()
    const limits = { IAPEER_LIFECYCLE_LOG_MAX_BYTES: '100', IAPEER_LIFECYCLE_LOG_KEEP: '1' }
    const log = createEventLog(root, { env: limits })
    const add = (number: number) =>
      log.append({ ev: 'supervise', identity: 'command-bob', action: 'stay-down', number })
    await add(0)
    const events = followEvents(root, { signal: AbortSignal.timeout(10_000) })
    expect((await events.next()).value).toMatchObject({ event: { number: '0' } })
    for (const number of range(1, 21)) await add(number)
    const rest = readdirSync(dirname(path)).filter((name) => /log(\.1)?$/.test(name))
    expect(rest.length).toBeLessThanOrEqual(2)
    const seen: unknown[] = []
    for await (const { gap, event } of events) {
      seen.push(gap === true ? 'gap' : Number(event?.['number']))
      if (seen.at(-1) === 20) break
    }
    expect(seen.filter((one) => one === 'gap')).toHaveLength(1)
    expect(seen.slice(seen.indexOf('gap') + 1)).toEqual(
      range(21 - (seen.length - seen.indexOf('gap') - 1), 21),
    )
  })

  it('yields the late line of a slow writer before newer lines', async () => {
    const { root, path, add, rotate } = newLog()
    await add(0)
    const follower = follow(root)
    await upTo(follower, 1)
    rotate()
    await add(2)
    await upTo(follower, 2)
    appendFileSync(`${path}.1`, 'ts=2026-06-10T15:42:07.113Z ev=supervise number=1\n')
    await add(3)
    await upTo(follower, 4)
    expect(follower.seen()).toEqual([0, 2, 1, 3])
  })

  it('continues after any cursor, across rotation, and reports a gap when it cannot', async () => {
    const { root, path, add, rotate } = newLog()
    await add(0, 1, 2)
    rotate()
    await add(3, 4)
    const all = follow(root)
    await upTo(all, 5)
    await all.end()
    rotate()
    await add(5)
    for (const [at, { cursor }] of all.items.entries()) {
      const rest = follow(root, cursor)
      await upTo(rest, 5 - at)
      await rest.end()
      expect(rest.seen()).toEqual(range(at + 1, 6))
    }
    rmSync(`${path}.1`)
    const lost = follow(root, all.items[4]?.cursor)
    await upTo(lost, 5)
    await lost.end()
    expect(lost.seen()).toEqual(['gap', 0, 1, 2, 5])
  })

  it('treats a file that was rewritten as another file', async () => {
    const { root, path, add } = newLog()
    await add(0, 1)
    const { cursor } = await readEvents(root)
    const text = [7, 8, 9].map(
      (number) => `ts=2026-06-10T15:42:07.113Z ev=supervise identity=command-bob number=${number}\n`,
    )
    writeFileSync(path, text.join(''))
    const follower = follow(root, cursor)
    await upTo(follower, 4)
    expect(follower.seen()).toEqual(['gap', 7, 8, 9])
  })

  it('starts again when the file is emptied while it reads', async () => {
    const { root, path, add } = newLog()
    await add(0, 1, 2)
    const follower = follow(root)
    await upTo(follower, 3)
    truncateSync(path)
    await add(3)
    await upTo(follower, 5)
    expect(follower.seen()).toEqual([0, 1, 2, 'gap', 3])
  })

  it('continues where a read ended, and skips garbage and lines that are too long, even unfinished ones', async () => {
    const { root, path, add } = newLog()
    await add(0, 1)
    const { cursor } = await readEvents(root)
    const follower = follow(root, cursor)
    appendFileSync(path, 'y'.repeat(200_000))
    await add(2)
    appendFileSync(path, Buffer.from([0xff, 0, 10, 10]))
    await add(3)
    await upTo(follower, 2)
    expect(follower.seen()).toEqual([2, 3])
  })

  it('continues behind a line that is too long, even if it is the first', async () => {
    const { root, path, add } = newLog()
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${'y'.repeat(200_000)}\n`)
    const { cursor, skipped } = await readEvents(root)
    expect(skipped).toBe(1)
    await add(0)
    const follower = follow(root, cursor)
    await upTo(follower, 1)
    expect(follower.seen()).toEqual([0])
  })

  it('yields only the events that its filter selects', async () => {
    const { root, add } = newLog()
    await add(0)
    await createEventLog(root).append({ ev: 'daemon', state: 'started', pid: 1 })
    const signal = AbortSignal.timeout(5_000)
    for await (const { event } of followEvents(root, { signal, filter: { ev: ['daemon'] } })) {
      expect(event).toMatchObject({ ev: 'daemon', pid: 1 })
      break
    }
  })

  it('refuses an invalid cursor, and returns at once when it was aborted before', async () => {
    const { root } = newLog()
    mkdirSync(root, { recursive: true })
    const signal = AbortSignal.abort()
    await expect(followEvents(root, { signal, cursor: '1:2' }).next()).rejects.toMatchObject({
      code: 'bad-cursor',
    })
    expect(await followEvents(root, { signal }).next()).toEqual({ done: true, value: undefined })
  })
})

describe('8 writers of 500 lines each, rotated about every 40 lines', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const env = { ...process.env, IAPEER_LIFECYCLE_LOG_MAX_BYTES: '4096', IAPEER_LIFECYCLE_LOG_KEEP: '400' }
  const write = async (root: string) => {
    const all = await Promise.all(
      names.map((name) => run(process.execPath, [WRITER, root, name, '500'], { env, limitMs: 60_000 })),
    )
    expect(all.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(names.map(() => [0, '']))
  }
  const expectAll = (items: readonly FollowedEvent[]) => {
    expect(items.filter(({ gap }) => gap === true)).toEqual([])
    for (const name of names) {
      const numbers = items
        .filter(({ event }) => event?.['identity'] === `command-${name}`)
        .map(({ event }) => Number(event?.['number']))
      expect(numbers).toEqual(range(0, 500))
    }
  }

  it.runIf(isFullCampaign())(
    'a follower sees every line once, those of each writer in their order',
    async () => {
      const { root } = newLog()
      const follower = follow(root)
      await write(root)
      await upTo(follower, 4_000)
      expectAll(follower.items)
      expect((await readEvents(root)).events).toHaveLength(4_000)
    },
    90_000,
  )

  it.runIf(isFullCampaign())(
    'so do followers one after another, each with the last cursor of the one before',
    async () => {
      const { root } = newLog()
      const items: FollowedEvent[] = []
      const writing = write(root)
      while (items.length < 4_000) {
        const cursor = items.at(-1)?.cursor
        const signal = AbortSignal.timeout(30_000)
        let remaining = 40
        for await (const item of followEvents(root, { cursor, signal })) {
          items.push(item)
          if (--remaining === 0 || items.length === 4_000) break
        }
        if (signal.aborted) break
      }
      await writing
      expectAll(items)
    },
    90_000,
  )
})

describe('the cursor behind the last event', () => {
  it('is the cursor of a log that was read to its end, and is followed by the later events', async () => {
    const log = newLog()
    expect(await endCursor(log.root)).toBe('')
    await log.add(1, 2, 3)
    expect(await endCursor(log.root)).toBe((await readEvents(log.root)).cursor)
    log.rotate()
    expect(await endCursor(log.root)).toBe((await readEvents(log.root)).cursor)
    await log.add(4)
    expect(await endCursor(log.root)).toBe((await readEvents(log.root)).cursor)
    // An unfinished line, after a line that is longer than one read.
    appendFileSync(log.path, `${'x'.repeat(200_000)}\nts=2026-06-10T15:42:07.113Z ev=half`)
    const cursor = await endCursor(log.root)
    const follower = follow(log.root, cursor)
    appendFileSync(log.path, ' identity=command-bob number=5\n')
    await log.add(6)
    await until('both', () => follower.items.length === 2)
    expect(follower.items.map(({ event }) => event?.['number'])).toEqual(['5', '6'])
    await follower.end()
  })

  it.skipIf(process.platform !== 'linux')('costs the same for a log of any length', async () => {
    const log = newLog()
    await log.add(1)
    appendFileSync(log.path, 'ts=2026-06-10T15:42:07.113Z ev=bench\n'.repeat(500_000))
    const read = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
    const before = read()
    await endCursor(log.root)
    expect(read() - before).toBeLessThan(1_000_000)
  })
})
