import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { privateDirectory } from '@iapeer/dev/testing'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toIdentity, toPersonality } from '../src/identity/index.ts'
import {
  derivedMessageId,
  formatMessage,
  isMailboxId,
  isMessageId,
  MAIL_LIMITS,
  Mailbox,
  type Message,
  type NewMessage,
  newMailboxId,
  newMessageId,
  OPERATOR_MAILBOX,
  parseMessage,
} from '../src/mailbox/index.ts'

let directory: ReturnType<typeof privateDirectory>
let box: Mailbox

beforeEach(() => {
  directory = privateDirectory()
  box = new Mailbox(join(directory.path, 'box'))
})
afterEach(() => directory.remove())

const draft = (text = 'hello', more: Partial<NewMessage> = {}): NewMessage => ({
  id: newMessageId(),
  kind: 'message',
  from: { kind: 'operator', proof: 'terminal' },
  to: toPersonality('bob'),
  text,
  attachments: [],
  priority: 'next',
  hops: 0,
  at: new Date().toISOString(),
  boot: 'boot/1',
  uptimeMs: 1_000,
  ...more,
})

async function stored(more: Partial<NewMessage> = {}): Promise<Message> {
  const { message } = await box.store(draft('hello', more))
  if (message === undefined) throw new Error('not stored')
  return message
}

const names = (place: 'open' | 'closed'): string[] => readdirSync(join(box.directory, place)).sort()

describe('an id', () => {
  it('of a message and of a mailbox is random, and recognised', () => {
    expect(isMessageId(newMessageId())).toBe(true)
    expect(newMessageId()).not.toBe(newMessageId())
    expect(isMailboxId(newMailboxId())).toBe(true)
    expect(isMailboxId(OPERATOR_MAILBOX)).toBe(true)
  })

  it.each([
    '',
    'm_',
    'm_ABCDEFGHIJKLMNOP',
    'm_abcdefghijklmno',
    'm_abcdefghijklmnop1',
    ' m_abcdefghijklmnop',
    'x_abcdefghijklmnop',
  ])('is not %j', (text) => expect(isMessageId(text)).toBe(false))

  it('that follows from other parts is always the same, and differs with each part', () => {
    expect(derivedMessageId('notice', 'm_1', 3)).toBe(derivedMessageId('notice', 'm_1', 3))
    expect(derivedMessageId('notice', 'm_1', 3)).not.toBe(derivedMessageId('notice', 'm_13'))
  })
})

describe('a mailbox', () => {
  it('stores a message in a file of its own, readable by this user only', async () => {
    const message = await stored()
    expect(names('open')).toEqual([`00000001-${message.id}.json`])
    expect(message).toMatchObject({ state: 'waiting', step: 1, seq: 1, attempts: 0 })
    expect(await box.open()).toEqual([message])
  })

  it('stores an id once, however often that is asked for', async () => {
    const one = draft()
    expect((await box.store(one)).state).toBe('stored')
    expect((await box.store(one)).state).toBe('exists')
    const results = await Promise.all([1, 2, 3].map(() => box.store(draft('again', { id: one.id }))))
    expect(results.map(({ state }) => state)).toEqual(['exists', 'exists', 'exists'])
    expect((await box.open()).map(({ text }) => text)).toEqual(['hello'])
  })

  it('knows the id of a closed message', async () => {
    const message = await stored()
    await box.change(message, { state: 'returned', why: 'expired' })
    expect((await box.store(draft('late', { id: message.id }))).state).toBe('exists')
    expect(await box.open()).toEqual([])
  })

  it('keeps the order of storing, not that of any clock', async () => {
    await stored({ at: '2026-05-02T00:00:00.000Z' })
    await stored({ at: '2026-05-01T00:00:00.000Z' })
    expect((await box.open()).map(({ at }) => at.slice(8, 10))).toEqual(['02', '01'])
    expect((await box.openFiles()).map(({ seq }) => seq)).toEqual([1, 2])
  })

  it('lists an id that two processes stored at once by its lower number', async () => {
    const message = await stored()
    copyFileSync(
      join(box.directory, 'open', `00000001-${message.id}.json`),
      join(box.directory, 'open', `00000007-${message.id}.json`),
    )
    expect(await box.openFiles()).toEqual([{ id: message.id, seq: 1, place: 'open' }])
    await box.sweep({ keepTextMs: 1e9, keepMs: 1e9 })
    expect(names('open')).toHaveLength(1)
  })

  it('refuses more than its limit of open messages', async () => {
    await box.create()
    for (let at = 1; at <= MAIL_LIMITS.openMessages; at++)
      writeFileSync(join(box.directory, 'open', `${String(at).padStart(8, '0')}-${newMessageId()}.json`), '')
    expect((await box.store(draft())).state).toBe('full')
    expect(names('open')).toHaveLength(MAIL_LIMITS.openMessages)
  })

  it('of a removed peer stores nothing', async () => {
    await box.markRemoved()
    expect((await box.store(draft())).state).toBe('removed')
    expect(names('open')).toEqual([])
    await box.unmarkRemoved()
    expect((await box.store(draft())).state).toBe('stored')
  })
})

describe('a step', () => {
  it('replaces the file, counts, and is in the history', async () => {
    const message = await stored()
    const next = await box.change(message, { state: 'waiting', why: 'blocked' })
    expect(next).toMatchObject({ step: 2, why: 'blocked' })
    expect(next?.history.map(({ step, state, why }) => [step, state, why])).toEqual([
      [1, 'waiting', undefined],
      [2, 'waiting', 'blocked'],
    ])
    expect(await box.read(message.id)).toEqual(next)
  })

  it('that was decided on an older step is refused, and changes nothing', async () => {
    const message = await stored()
    const next = await box.change(message, { state: 'waiting', why: 'blocked' })
    expect(await box.change(message, { state: 'returned' })).toBeUndefined()
    expect(await box.read(message.id)).toEqual(next)
  })

  it('of two at once happens once', async () => {
    const message = await stored()
    const results = await Promise.all(
      [1, 2, 3, 4].map((at) => box.change(message, { state: 'waiting', why: `w${at}` })),
    )
    expect(results.filter((one) => one !== undefined)).toHaveLength(1)
    expect((await box.read(message.id))?.step).toBe(2)
  })

  it('to a final state moves the file, and can be followed by an answer', async () => {
    const message = await stored()
    const handled = await box.change(message, { state: 'handled' })
    expect([names('open'), names('closed')]).toEqual([[], [`00000001-${message.id}.json`]])
    const answer = newMessageId()
    if (handled !== undefined) await box.change(handled, { state: 'answered', answeredBy: answer })
    expect(await box.read(message.id)).toMatchObject({ state: 'answered', answeredBy: answer, step: 3 })
    expect(names('closed')).toHaveLength(1)
  })

  it('removes a field with null, and leaves the others', async () => {
    const message = await stored({ topic: 'x' })
    const next = await box.change(message, { state: 'waiting', why: 'blocked', again: 'maybe' })
    if (next === undefined) throw new Error('no step')
    const after = await box.change(next, { state: 'waiting', why: null })
    expect(after).toMatchObject({ topic: 'x', again: 'maybe' })
    expect(after?.why).toBeUndefined()
  })

  it('keeps a history of bounded length, with its first step', async () => {
    let message = await stored()
    for (let at = 0; at < MAIL_LIMITS.historySteps + 20; at++)
      message = (await box.change(message, { state: 'waiting', why: `${at}` })) ?? message
    expect(message.history).toHaveLength(MAIL_LIMITS.historySteps)
    expect(message.history[0]?.step).toBe(1)
    expect(message.history.at(-1)?.step).toBe(message.step)
  })
})

describe('a crash', () => {
  it('between the last step and the move is finished by a sweep', async () => {
    const message = await stored()
    await box.change(message, { state: 'handled' })
    const name = `00000001-${message.id}.json`
    renameSync(join(box.directory, 'closed', name), join(box.directory, 'open', name))
    await box.sweep({ keepTextMs: 1e9, keepMs: 1e9 })
    expect([names('open'), names('closed')]).toEqual([[], [name]])
  })

  it('that leaves a message in both directories counts as closed', async () => {
    const message = await stored()
    const name = `00000001-${message.id}.json`
    const before = readFileSync(join(box.directory, 'open', name))
    await box.change(message, { state: 'returned', why: 'expired' })
    writeFileSync(join(box.directory, 'open', name), before)
    expect(await box.open()).toEqual([])
    expect((await box.read(message.id))?.state).toBe('returned')
    await box.sweep({ keepTextMs: 1e9, keepMs: 1e9 })
    expect(names('open')).toEqual([])
  })

  it('of a writer leaves a temporary file that is not read as a message', async () => {
    await stored()
    writeFileSync(join(box.directory, 'open', `00000002-${newMessageId()}.json.999999.abc.tmp`), 'x')
    writeFileSync(join(box.directory, 'open', 'notes.txt'), 'x')
    expect(await box.open()).toHaveLength(1)
  })
})

describe('the file of a message', () => {
  it('that is broken is kept beside its place, and does not hide the others', async () => {
    const [one, other] = [await stored(), await stored()]
    const path = join(box.directory, 'open', `00000001-${one.id}.json`)
    writeFileSync(path, '{"v":1,')
    expect((await box.open()).map(({ id }) => id)).toEqual([other.id])
    expect(existsSync(path)).toBe(false)
    expect(names('open').some((name) => name.includes('.corrupt'))).toBe(true)
  })

  it('of a later version is left alone', async () => {
    const message = await stored()
    const path = join(box.directory, 'open', `00000001-${message.id}.json`)
    const text = JSON.stringify({ ...message, v: 2, shape: 'unknown' })
    writeFileSync(path, text)
    expect(await box.open()).toEqual([])
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('is parsed back to what was written, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 1e6 }), (text, n) => {
        const message = {
          ...draft(text),
          seq: n,
          state: 'waiting',
          step: n,
          attempts: 0,
          deaths: 0,
          history: [],
        } as const
        const parsed = parseMessage(formatMessage(message))
        expect(parsed).toMatchObject({ ok: true, message: { text, seq: n, step: n } })
      }),
    )
  })

  it.each([
    ['not JSON', 'x', 'broken'],
    ['an array', '[]', 'broken'],
    ['no version', '{}', 'broken'],
    ['an id that is none', JSON.stringify({ v: 1, id: 'm_x' }), 'broken'],
    ['a later version', JSON.stringify({ v: 9 }), 'newer'],
  ])('with %s is not a message', (_what, text, problem) => {
    expect(parseMessage(text)).toEqual({ ok: false, problem })
  })

  it('ignores fields and words that it does not know', () => {
    const message = {
      ...draft(),
      seq: 1,
      state: 'waiting',
      step: 1,
      attempts: 0,
      deaths: 0,
      history: [],
    } as const
    const text = JSON.stringify({
      v: 1,
      ...message,
      later: true,
      turn: 'dreaming',
      attempt: { n: 1, way: 'pigeon' },
    })
    const parsed = parseMessage(text)
    expect(parsed.ok && [parsed.message.turn, parsed.message.attempt]).toEqual([undefined, undefined])
  })
})

describe('a sweep', () => {
  it('removes the text of closed messages when they are old, keeps the id, and later removes the file', async () => {
    const message = await stored()
    mkdirSync(box.filesOf(message.id), { recursive: true })
    const open = await stored()
    await box.change(message, { state: 'handled' })
    const nowMs = Date.now() + 10_000
    expect(await box.sweep({ keepTextMs: 60_000, keepMs: 90_000, nowMs })).toBe(0)
    expect(await box.sweep({ keepTextMs: 5_000, keepMs: 90_000, nowMs })).toBe(1)
    expect(await box.read(message.id)).toMatchObject({ text: '', isTextRemoved: true, state: 'handled' })
    expect(existsSync(box.filesOf(message.id))).toBe(false)
    expect(await box.sweep({ keepTextMs: 5_000, keepMs: 90_000, nowMs })).toBe(0)
    await box.sweep({ keepTextMs: 5_000, keepMs: 8_000, nowMs })
    expect([names('closed'), (await box.read(open.id))?.text]).toEqual([[], 'hello'])
  })
})

describe('an attempt', () => {
  it('survives the file with everything that identifies it', async () => {
    const message = await stored()
    const attempt = {
      n: 2,
      way: 'inbox',
      identity: toIdentity('claude-bob'),
      gen: '0123456789abcdef',
      leader: '12:345',
      conversation: {
        kind: 'claude',
        id: 'c1',
        path: '/x/y.jsonl',
        inode: '18446744073709551615',
        offset: 42,
      },
      mark: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
      at: '2026-05-01T00:00:00.000Z',
      uptimeMs: 5,
      accepted: true,
    } as const
    const next = await box.change(message, { state: 'offered', attempt, attempts: 2 })
    expect((await box.read(message.id))?.attempt).toEqual(attempt)
    expect(next?.history.at(-1)).toMatchObject({ n: 2, way: 'inbox', identity: 'claude-bob' })
  })
})
