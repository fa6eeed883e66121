import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { asyncCleanups, mayMount, privateDirectory, smallDisk } from '@iapeer/dev/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LifecycleEvent } from '../src/eventlog/event.ts'
import {
  formatEventLine,
  LONGEST_LINE,
  parseEventLine,
  readFilterFields,
} from '../src/eventlog/event-line.ts'
import { createEventLog, readEvents } from '../src/index.ts'

const track = asyncCleanups()

function newRoot(): { readonly root: string; readonly path: string } {
  const directory = privateDirectory()
  track(directory.remove)
  return { root: directory.path, path: join(directory.path, 'logs', 'iapeer', 'lifecycle.log') }
}

const AT = new Date('2026-06-10T15:42:07.113Z')
const wake = (number: number): LifecycleEvent => ({
  ev: 'wake',
  identity: 'command-bob',
  mode: 'fresh',
  cause: 'message',
  number,
})
const small = (maxBytes: number, keep: number): NodeJS.ProcessEnv => ({
  IAPEER_LIFECYCLE_LOG_MAX_BYTES: String(maxBytes),
  IAPEER_LIFECYCLE_LOG_KEEP: String(keep),
})

describe('an event as a line', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom('\n', '"', 'a=b'),
  )
  const key = fc
    .stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,12}$/)
    .filter((name) => !['ts', 'ev', 'ms', 'pid', 'deaths', '__proto__'].includes(name))
  const extra = fc.dictionary(key, text, { noNullPrototype: true })
  const known = fc.oneof(
    fc.record({ ev: fc.constant('stop'), identity: text, by: text, why: text, result: text }),
    fc.record({ ev: fc.constant('launch'), identity: text, gen: text, ms: fc.nat() }),
    fc.record({ ev: fc.constant('daemon'), state: text, pid: fc.nat(), why: text }),
    fc.record({ ev: fc.constant('incident'), id: text, deaths: fc.nat(), cause: text }),
  )

  it('is one line, and is read back unchanged, with unknown fields too', () => {
    fc.assert(
      fc.property(extra, known, (unknown, event) => {
        const fields = { ...unknown, ...event }
        const line = formatEventLine(fields, AT)
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(parseEventLine(line.slice(0, -1))).toEqual({ ...fields, ts: AT.toISOString() })
      }),
      { numRuns: 500 },
    )
  })

  it('reading never throws, and a truncated line is not an event or has only its last value truncated', () => {
    const whole = formatEventLine(wake(1), AT).trimEnd()
    fc.assert(fc.property(text, (line) => typeof parseEventLine(line) !== 'string'))
    fc.assert(
      fc.property(fc.nat(whole.length), (length) => {
        const event = parseEventLine(whole.slice(0, length))
        if (event !== undefined) expect(event.ts).toBe(AT.toISOString())
      }),
    )
    for (const line of ['', 'garbage', 'ev=wake', 'ts=yesterday ev=wake', `ts=${AT.toISOString()} why="torn`])
      expect(parseEventLine(line)).toBeUndefined()
  })

  it('the fields for a filter are the same as those of the whole line', () => {
    const word = fc.constantFrom(
      ' ',
      '  ',
      'ts=',
      AT.toISOString(),
      'ev=',
      'wake',
      'identity=',
      'a-b',
      '"',
      '\\',
      'x',
      '=',
    )
    const lines = fc.oneof(
      fc
        .tuple(extra, known)
        .map(([unknown, event]) => formatEventLine({ ...event, ...unknown }, AT).trimEnd()),
      fc.array(word, { maxLength: 12 }).map((words) => `ts=${AT.toISOString()} ev=wake ${words.join('')}`),
      text,
    )
    fc.assert(
      fc.property(lines, (line) => {
        const [seen, event] = [readFilterFields(line), parseEventLine(line)]
        expect([seen?.ts, seen?.ev, seen?.identity]).toEqual([event?.ts, event?.ev, event?.identity])
      }),
      { numRuns: 2_000 },
    )
  })

  it('is never longer than readers accept', () => {
    const line = formatEventLine({ ...wake(1), why: '\u0001'.repeat(100_000) }, AT)
    expect(line.length).toBeLessThan(10_000)
    const many = Object.fromEntries(Array.from({ length: 40 }, (_none, at) => [`f${at}`, 'x'.repeat(5_000)]))
    expect(() => formatEventLine({ ...wake(1), ...many }, AT)).toThrow(
      expect.objectContaining({ code: 'event-too-long' }),
    )
  })
})

describe('the event log', () => {
  it('writes with the time of its clock, and reads its own events and those of other versions', async () => {
    const { root, path } = newRoot()
    const log = createEventLog(root, { clock: () => AT })
    await log.append({ ev: 'daemon', state: 'started', pid: 7, why: 'two\nlines' })
    expect(readFileSync(path, 'utf8')).toBe(
      'ts=2026-06-10T15:42:07.113Z ev=daemon state=started pid=7 why="two\\nlines"\n',
    )
    appendFileSync(path, `ts=${AT.toISOString()} ev=of-tomorrow new=field\n`)
    expect(await readEvents(root)).toMatchObject({
      skipped: 0,
      events: [
        { ts: AT.toISOString(), ev: 'daemon', state: 'started', pid: 7, why: 'two\nlines' },
        { ts: AT.toISOString(), ev: 'of-tomorrow', new: 'field' },
      ],
    })
  })

  it('that was never written has no events', async () => {
    expect(await readEvents(newRoot().root)).toEqual({ events: [], skipped: 0, cursor: '' })
  })

  it('keeps as many files as its settings say, and reads all of them, oldest first', async () => {
    const { root, path } = newRoot()
    const log = createEventLog(root, { env: small(200, 3) })
    for (let number = 0; number < 20; number++) await log.append(wake(number))
    expect(existsSync(`${path}.3`)).toBe(true)
    expect(existsSync(`${path}.4`)).toBe(false)
    const numbers = (await readEvents(root)).events.map((event) => Number(event['number']))
    expect(numbers.at(-1)).toBe(19)
    expect(numbers.length).toBeGreaterThan(6)
    expect(numbers).toEqual(numbers.map((_none, at) => 20 - numbers.length + at))
  })

  it.each([
    ['IAPEER_LIFECYCLE_LOG_MAX_BYTES', '5MB'],
    ['IAPEER_LIFECYCLE_LOG_MAX_BYTES', '0'],
    ['IAPEER_LIFECYCLE_LOG_KEEP', '-1'],
    ['IAPEER_LIFECYCLE_LOG_KEEP', '1000'],
  ])('refuses %s=%s by name and value, and writes nothing', async (name, value) => {
    const { root, path } = newRoot()
    await expect(createEventLog(root, { env: { [name]: value } }).append(wake(1))).rejects.toMatchObject({
      code: 'bad-setting',
      message: expect.stringContaining(`invalid ${name} "${value}": expected a whole number of `),
    })
    expect(existsSync(path)).toBe(false)
  })

  it('is filtered by time, peer, kind and limit', async () => {
    const { root } = newRoot()
    let second = 0
    const log = createEventLog(root, { clock: () => new Date(AT.getTime() + 1_000 * second++) })
    for (const identity of ['claude-bob', 'command-bob', 'claude-ann']) {
      await log.append({ ev: 'launch', identity, gen: 'g', mode: 'fresh', ms: 5 })
      await log.append({ ev: 'stop', identity, gen: 'g', by: 'x', why: 'y', result: 'ended' })
    }
    await log.append({ ev: 'daemon', state: 'stopped', pid: 1 })
    const found = async (filter: Parameters<typeof readEvents>[1]) =>
      (await readEvents(root, filter)).events.map(({ ev, identity }) => `${ev} ${identity ?? ''}`)
    expect(await found({ peer: 'bob', ev: ['launch'] })).toEqual(['launch claude-bob', 'launch command-bob'])
    expect(await found({ peer: 'claude-ann' })).toEqual(['launch claude-ann', 'stop claude-ann'])
    expect(await found({ since: new Date(AT.getTime() + 5_000) })).toEqual(['stop claude-ann', 'daemon '])
    expect(await found({ limit: 2 })).toEqual(['stop claude-ann', 'daemon '])
    expect(await found({ limit: 0 })).toEqual([])
    expect(await found({ peer: 'eve' })).toEqual([])
  })

  it('torn lines, garbage and lines that are too long are skipped and counted', async () => {
    const { root, path } = newRoot()
    const log = createEventLog(root)
    await log.append(wake(0))
    appendFileSync(path, Buffer.from([0xff, 0xfe, 0, 0x1b, 0x5b, 10, 0xc3, 10]))
    appendFileSync(path, `${'x'.repeat(3 * LONGEST_LINE)}\n`)
    appendFileSync(path, `ts=${AT.toISOString()} ev=wake why="to`)
    await log.append(wake(1))
    appendFileSync(path, 'ts=2026')
    const { events, skipped } = await readEvents(root)
    expect(events.map((event) => event['number'])).toEqual(['0', '1'])
    expect(skipped).toBe(5)
  })

  it('a directory that was deleted is created again', async () => {
    const { root, path } = newRoot()
    const log = createEventLog(root)
    await log.append(wake(0))
    rmSync(dirname(path), { recursive: true })
    await log.append(wake(1))
    expect((await readEvents(root)).events).toMatchObject([{ number: '1' }])
  })

  it('files by other names, links and pipes in its directory are not read', async () => {
    const { root, path } = newRoot()
    await createEventLog(root).append(wake(0))
    renameSync(path, `${path}.2`)
    mkdirSync(`${path}.1`)
    for (const name of ['.01', '.1000', '.lock', '.gz']) writeFileSync(path + name, 'ts=x\n')
    expect(await readEvents(root)).toMatchObject({ events: [{ number: '0' }], skipped: 0 })
  })

  it.skipIf(!mayMount)(
    'on a full or read-only disk append throws, note calls onFailure, and later events are not lost',
    async () => {
      const { root } = newRoot()
      const disk = await smallDisk(join(root, 'logs'))
      track(disk.remove)
      const failures: unknown[] = []
      const log = createEventLog(root, { onFailure: (error, event) => failures.push([error, event.ev]) })
      await log.append(wake(0))
      const makeRoom = disk.fill()
      // The last block still has room for some lines.
      for (let number = 0; failures.length === 0 && number < 200; number++) await log.note(wake(-1))
      expect(failures).toEqual([[expect.objectContaining({ code: 'ENOSPC' }), 'wake']])
      await expect(log.append(wake(-1))).rejects.toMatchObject({ code: 'ENOSPC' })
      makeRoom()
      await disk.remount('ro')
      await log.note(wake(-1))
      expect(failures).toHaveLength(2)
      expect(failures[1]).toEqual([expect.objectContaining({ code: 'EROFS' }), 'wake'])
      await disk.remount('rw')
      await log.append(wake(1))
      const { events } = await readEvents(root)
      expect(events.at(0)).toMatchObject({ number: '0' })
      expect(events.at(-1)).toMatchObject({ number: '1' })
    },
  )

  it('note never throws, also where the log is a directory', async () => {
    const { root, path } = newRoot()
    mkdirSync(path, { recursive: true })
    const failures: unknown[] = []
    await createEventLog(root, { onFailure: (error) => failures.push(error) }).note(wake(0))
    await createEventLog(root).note(wake(0))
    expect(failures).toMatchObject([{ code: 'EISDIR' }])
  })
})
