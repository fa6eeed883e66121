import type { Message } from '@iapeer/core/mailbox'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideEnded, decideOffered, type OfferedFacts, turnStep } from '../src/mail/decide.ts'
import { chooseTogether } from '../src/mail/give.ts'
import { Pace } from '../src/mail/pace.ts'
import { type Arrival, decideArrival } from '../src/mail/policy.ts'
import { waitOutcome } from '../src/mail/receipts.ts'
import { chooseTarget } from '../src/mail/recipient.ts'

const offered = (more: Partial<OfferedFacts> = {}): OfferedFacts => ({
  proof: { kind: 'none' },
  ageMs: 500,
  isAccepted: false,
  isRepeated: false,
  isUnsure: false,
  isReturnWanted: false,
  canRepeat: true,
  canWithdraw: false,
  isPlaced: false,
  showedLife: false,
  ...more,
})

describe('an open attempt', () => {
  it.each([
    ['is proven to be taken', { proof: { kind: 'taken', by: 'transcript' } }, 'take'],
    [
      'is taken although its return was wanted',
      { proof: { kind: 'taken', by: 'hook' }, isReturnWanted: true },
      'take',
    ],
    ['is proven to be absent', { proof: { kind: 'absent', why: 'x' } }, 'requeue'],
    [
      'is absent and its return was wanted',
      { proof: { kind: 'absent', why: 'x' }, isReturnWanted: true },
      'return',
    ],
    ['can be taken back', { isReturnWanted: true, canWithdraw: true }, 'withdraw'],
    ['cannot be called back', { isReturnWanted: true }, 'keep'],
    ['is acknowledged as received', { proof: { kind: 'accepted' } }, 'note-accepted'],
    ['was acknowledged as received', { isAccepted: true, ageMs: 9_000_000 }, 'keep'],
    ['is young', {}, 'keep'],
    ['has shown nothing for three seconds', { ageMs: 3_000 }, 'repeat'],
    ['is too old to be repeated', { ageMs: 10_000 }, 'keep'],
    ['was repeated, and the process has shown nothing', { ageMs: 8_000, isRepeated: true }, 'keep'],
    [
      'was repeated, and the process ran since',
      { ageMs: 8_000, isRepeated: true, showedLife: true },
      'next-way',
    ],
    ['has been open for long', { ageMs: 25_000, isRepeated: true }, 'note-unsure'],
    ['is unsure already', { ageMs: 99_000, isRepeated: true, isUnsure: true }, 'keep'],
    ['lies where the program will find it', { ageMs: 99_000, canRepeat: false, isPlaced: true }, 'keep'],
  ] as const)('that %s: %j leads to %s', (_what, more, action) => {
    expect(decideOffered(offered(more))).toBe(action)
  })

  it('never moves to another way because of time alone', () => {
    fc.assert(
      fc.property(
        fc.nat(1e9),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (ageMs, isRepeated, isAccepted, isUnsure) => {
          const action = decideOffered(offered({ ageMs, isRepeated, isAccepted, isUnsure }))
          expect(['next-way', 'requeue', 'return', 'take']).not.toContain(action)
        },
      ),
    )
  })
})

describe('the attempt of a session that has ended', () => {
  const ended = {
    proof: { kind: 'none' },
    isReturnWanted: false,
    livedMs: 500,
    isAbnormal: true,
    deaths: 0,
  } as const

  it('was taken if the last look says so', () => {
    expect(
      decideEnded({ ...ended, proof: { kind: 'taken', by: 'transcript' }, isReturnWanted: true }),
    ).toEqual({ kind: 'take' })
  })

  it('is returned if that was wanted', () => {
    expect(decideEnded({ ...ended, isReturnWanted: true })).toEqual({ kind: 'return' })
  })

  it.each([
    ['dies soon after it', { livedMs: 500 }, 1, false, 'maybe'],
    ['dies before it can have read it', { livedMs: 50 }, 1, false, undefined],
    ['dies at an unknown time', { livedMs: undefined }, 1, false, 'maybe'],
    ['lives for long', { livedMs: 60_000 }, 0, false, 'maybe'],
    ['is stopped on purpose', { isAbnormal: false }, 0, false, 'maybe'],
    ['is the second one that dies of it', { deaths: 1 }, 2, true, 'maybe'],
    ['certainly does not have it', { proof: { kind: 'absent', why: 'x' } }, 1, false, undefined],
  ] as const)('of a session that %s waits again', (_what, more, deaths, isSuspect, again) => {
    expect(decideEnded({ ...ended, ...more })).toEqual({ kind: 'requeue', deaths, isSuspect, again })
  })
})

const message = (more: Partial<Message> = {}): Message =>
  ({
    state: 'waiting',
    kind: 'message',
    text: 'x',
    from: { kind: 'operator', proof: 'terminal' },
    attempts: 0,
    ...more,
  }) as unknown as Message

describe('a taken message', () => {
  it.each([
    ['ended', { kind: 'ended' }, { state: 'handled' }],
    ['interrupted', { kind: 'interrupted' }, { state: 'taken', turn: 'interrupted' }],
    ['failed', { kind: 'failed', why: '429' }, { state: 'taken', turn: 'failed', why: 'turn failed: 429' }],
  ] as const)('whose turn is %s gets that step', (_what, outcome, step) => {
    expect(turnStep(message({ state: 'taken', turn: 'running' }), outcome)).toMatchObject(step)
  })

  it('whose turn goes on, or is not known, stays as it is', () => {
    expect(turnStep(message({ state: 'taken', turn: 'running' }), { kind: 'running' })).toBeUndefined()
    expect(turnStep(message({ state: 'taken', turn: 'interrupted' }), { kind: 'unknown' })).toBeUndefined()
  })
})

describe('a wait', () => {
  it.each([
    [{ state: 'waiting' }, 'taken', undefined],
    [{ state: 'waiting', why: 'held: policy' }, 'taken', 'stuck'],
    [{ state: 'offered', attempt: { unsure: true } }, 'taken', 'stuck'],
    [{ state: 'offered', attempt: {} }, 'taken', undefined],
    [{ state: 'taken', turn: 'running' }, 'taken', 'reached'],
    [{ state: 'taken', turn: 'running' }, 'answered', undefined],
    [{ state: 'taken', turn: 'failed' }, 'answered', 'stuck'],
    [{ state: 'handled' }, 'taken', 'reached'],
    [{ state: 'handled' }, 'answered', 'stuck'],
    [{ state: 'answered' }, 'answered', 'reached'],
    [{ state: 'returned' }, 'taken', 'returned'],
  ] as const)('with %j for %s ends as %s', (fields, awaited, kind) => {
    expect(waitOutcome(message(fields as unknown as Partial<Message>), awaited)).toBe(kind)
  })
})

describe('an arriving message', () => {
  const arrival: Arrival = {
    from: 'ann',
    isNotice: false,
    isOperator: false,
    rules: { accept: [], hold: [], refuse: [] },
    state: 'running',
    inLastMinute: 0,
    inLastHour: 0,
    hops: 0,
    limits: { pairPerMinute: 30, pairPerHour: 60, maxHops: 6 },
  }
  it.each([
    ['is accepted', {}, { kind: 'accept' }],
    ['for a sleeping peer is accepted', { state: 'suspended' }, { kind: 'accept' }],
    ['for a stopped peer is refused', { state: 'stopped' }, { kind: 'refuse', why: 'stopped' }],
    ['for a crash loop is refused', { state: 'crash-loop' }, { kind: 'refuse', why: 'crash-loop' }],
    [
      'of a refused sender is refused',
      { rules: { accept: ['*'], hold: [], refuse: ['ann'] } },
      { kind: 'refuse', why: 'policy' },
    ],
    [
      'of a sender that is not accepted is refused',
      { rules: { accept: ['bob'], hold: [], refuse: [] } },
      { kind: 'refuse', why: 'policy' },
    ],
    [
      'of a named sender is accepted although others are held',
      { rules: { accept: ['ann'], hold: ['*'], refuse: [] } },
      { kind: 'accept' },
    ],
    [
      'is held by the rules',
      { rules: { accept: [], hold: ['ann'], refuse: ['*'] } },
      { kind: 'hold', why: 'policy' },
    ],
    ['after six hops is accepted', { hops: 6 }, { kind: 'accept' }],
    ['after seven hops is held', { hops: 7 }, { kind: 'hold', why: 'hops' }],
    [
      'of a person is never held by a rate',
      { isOperator: true, inLastHour: 999, hops: 9 },
      { kind: 'accept' },
    ],
    [
      'over the rate of a minute is held',
      { inLastMinute: 30, inLastHour: 30 },
      { kind: 'hold', why: 'rate', untilMs: 60_000 },
    ],
    [
      'over the rate of an hour is held',
      { inLastHour: 60 },
      { kind: 'hold', why: 'hourly rate', untilMs: 3_600_000 },
    ],
    ['that is a notice is accepted', { isNotice: true, state: 'stopped', hops: 99 }, { kind: 'accept' }],
  ] as const)('%s', (_what, more, decision) => {
    expect(decideArrival({ ...arrival, ...(more as Partial<Arrival>) })).toEqual(decision)
  })
})

describe('the pace of a sender', () => {
  it('allows twenty at once, then one in two seconds', () => {
    const pace = new Pace()
    for (let at = 0; at < 20; at++) {
      expect(pace.allows('a', 1_000)).toBe(true)
      pace.note('a', 1_000, true)
    }
    expect(pace.allows('a', 1_000)).toBe(false)
    expect(pace.allows('b', 1_000)).toBe(true)
    expect(pace.allows('a', 2_999)).toBe(false)
    expect(pace.allows('a', 3_000)).toBe(true)
    pace.note('a', 3_000, true)
    expect(pace.allows('a', 4_000)).toBe(false)
    expect(pace.allows('a', 43_000)).toBe(true)
  })

  it('counts the turns of an hour', () => {
    const pace = new Pace()
    pace.note('a', 0, true)
    pace.note('a', 1, false)
    pace.note('b', 3_000_000, true)
    expect(pace.turnsInLastHour(3_599_999)).toBe(2)
    expect(pace.turnsInLastHour(3_600_000)).toBe(1)
  })
})

describe('what is given together', () => {
  const many = (count: number, text = 'x') => Array.from({ length: count }, () => message({ text }))

  it.each([
    ['one of five', many(5), true, 1],
    ['eight of many', many(20), true, 8],
    ['one at a time to a program without turns', many(20), false, 1],
    ['at most 32,000 characters', many(10, 'x'.repeat(10_000)), true, 3],
  ] as const)('is %s', (_what, messages, hasTurns, count) => {
    expect(chooseTogether(messages, hasTurns)).toHaveLength(count)
  })

  it('is not a notice alone, but the notices before a message', () => {
    const notice = message({ kind: 'notice', text: 'n' })
    expect(chooseTogether([notice, notice], true)).toEqual([])
    expect(chooseTogether([notice, message(), notice], true).map(({ kind }) => kind)).toEqual([
      'notice',
      'notice',
      'message',
    ])
    expect(chooseTogether([notice], false)).toEqual([notice])
  })
})

describe('the identity that gets a message', () => {
  const candidate = (identity: string, isRunning = false) =>
    ({
      identity,
      status: { state: 'not-running', session: isRunning ? { readyAt: 'x' } : undefined },
    }) as never
  const [claude, codex] = [candidate('claude-bob'), candidate('codex-bob', true)]
  const facts = { message: {}, asker: undefined, partner: undefined, candidates: [claude, codex] }

  it.each([
    ['the one that runs', {}, 'codex-bob'],
    ['the default one, if none runs', { candidates: [claude, candidate('codex-bob')] }, 'claude-bob'],
    ['the runtime that was asked for', { message: { runtime: 'claude' } }, 'claude-bob'],
    ['the one that asked', { asker: 'claude-bob' }, 'claude-bob'],
    ['the one that the sender talked to last', { partner: 'claude-bob' }, 'claude-bob'],
    [
      'the one that asked, before the last partner',
      { asker: 'codex-bob', partner: 'claude-bob' },
      'codex-bob',
    ],
  ] as const)('is %s', (_what, more, identity) => {
    expect(chooseTarget({ ...facts, ...more } as never)?.identity).toBe(identity)
  })

  it('is none for a runtime that the peer does not have', () => {
    expect(chooseTarget({ ...facts, message: { runtime: 'telegram' } } as never)).toBeUndefined()
  })
})
