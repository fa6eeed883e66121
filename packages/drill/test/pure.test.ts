import type { ExitRecord } from '@iapeer/forensics'
import { SaxesParser } from 'saxes'
import { describe, expect, it } from 'vitest'
import type { DrillResult } from '../src/drill.ts'
import { compare, compareCount, compareRecord, type Expected, type Found } from '../src/expected.ts'
import { KINDS } from '../src/kinds/index.ts'
import { compareMessages, type SentMessage } from '../src/mail.ts'
import { plan } from '../src/plan.ts'
import { junit, timesOf } from '../src/report.ts'

const RECORD = {
  id: 'command-a-0123456789abcdef',
  ts: '2026-06-10T15:42:07.113Z',
  identity: 'command-a',
  event: 'server-exit',
  cause: 'killed',
} satisfies ExitRecord
const ACCIDENT: Expected = {
  records: [1],
  event: 'server-exit',
  causes: ['killed'],
  verdicts: ['killed-by-signal'],
  runs: 'policy',
}
const FOUND: Found = {
  records: [RECORD],
  verdict: 'killed-by-signal',
  hasSnapshot: true,
  isConfirmed: true,
  runs: false,
}
const SILENT: Expected = { records: [0], runs: 'no' }
const NOTHING: Found = { ...FOUND, records: [], verdict: undefined, hasSnapshot: undefined }

describe('what was found, compared with what must be true', () => {
  it.each([
    ['one right record', ACCIDENT, FOUND, false, []],
    ['a restarted peer', ACCIDENT, { ...FOUND, runs: true }, true, []],
    ['no record', ACCIDENT, NOTHING, false, ['missed']],
    ['two records', ACCIDENT, { ...FOUND, records: [RECORD, RECORD] }, false, ['twice']],
    ['a wrong cause', { ...ACCIDENT, causes: ['crashed'] }, FOUND, false, ['wrong-cause']],
    ['a wrong event', { ...ACCIDENT, event: 'session-exit' }, FOUND, false, ['wrong-event']],
    ['a wrong verdict', ACCIDENT, { ...FOUND, verdict: 'unknown' }, false, ['wrong-verdict']],
    ['no verdict', ACCIDENT, { ...FOUND, verdict: undefined }, false, ['wrong-verdict']],
    ['a torn snapshot', ACCIDENT, { ...FOUND, hasSnapshot: false }, false, ['no-snapshot']],
    ['a recorder that has settled', ACCIDENT, { ...FOUND, isSettled: true }, false, []],
    ['a recorder that has not', ACCIDENT, { ...FOUND, isSettled: false }, false, ['not-settled']],
    ['a peer that is not restarted', ACCIDENT, FOUND, true, ['wrong-state']],
    ['a peer that nothing may restart', ACCIDENT, { ...FOUND, runs: true }, false, ['wrong-state']],
    ['a fault that did not happen', ACCIDENT, { ...FOUND, isConfirmed: false }, false, ['not-caused']],
    ['a deliberate stop', SILENT, NOTHING, false, []],
    ['a recorded stop', SILENT, FOUND, false, ['false-record']],
    ['a stop after which it runs', SILENT, { ...NOTHING, runs: true }, true, ['wrong-state']],
    ['a race, recorded', { ...SILENT, records: [0, 1] }, FOUND, false, []],
    ['a race, not recorded', { ...SILENT, records: [0, 1] }, NOTHING, false, []],
  ] satisfies [string, Expected, Found, boolean, string[]][])(
    '%s',
    (_what, expected, found, restarts, kinds) => {
      expect(
        compare(expected, found, { isRestarted: restarts, hasMail: false }).map(({ kind }) => kind),
      ).toEqual(kinds)
    },
  )
})

it.each([
  ['an accident that is recorded once', [1], 1, undefined],
  ['an accident that is not recorded', [1], 0, 'missed'],
  ['an accident that is recorded twice', [1], 2, 'twice'],
  ['a deliberate act that is not recorded', [0], 0, undefined],
  ['a deliberate act that is recorded', [0], 1, 'false-record'],
  ['a race that is recorded twice', [0, 1], 2, 'twice'],
] as const)('%s is judged by its number of records in the end', (_what, allowed, count, kind) => {
  expect(compareCount(allowed, count)?.kind).toBe(kind)
})

describe('a record', () => {
  const atMs = Date.parse('2026-06-10T15:42:07.100Z')
  const facts = { identities: ['command-a'], atMs, seenMs: atMs + 20 }
  it.each([
    ['that says what was done', RECORD, {}, []],
    ['of the former name of a renamed peer', RECORD, { identities: ['command-b', 'command-a'] }, []],
    ['of another peer', RECORD, { identities: ['command-b'] }, ['wrong-identity']],
    ['of another year', { ...RECORD, ts: '2021-06-10T15:42:07.113Z' }, {}, ['wrong-time']],
    ['of a later time than it was seen', RECORD, { atMs: 0, seenMs: atMs - 5_000 }, ['wrong-time']],
    [
      'whose time is said to be unknown',
      { ...RECORD, ts: '2026-06-10T16:42:07.113Z', seenAlive: RECORD.ts },
      {},
      [],
    ],
    ['in whole seconds', { ...RECORD, ts: '2026-06-10T15:42:06Z' }, {}, []],
    ['of another signal', { ...RECORD, signal: 'SIGSEGV' }, {}, ['wrong-signal']],
    ['of the signal', { ...RECORD, signal: 'SIGKILL' }, {}, []],
  ] satisfies [string, ExitRecord, Partial<typeof facts>, string[]][])(
    '%s',
    (_what, record, change, kinds) => {
      const found = compareRecord(record, { ...ACCIDENT, signal: 'SIGKILL' }, { ...facts, ...change })
      expect(found.map(({ kind }) => kind)).toEqual(kinds)
    },
  )
})

describe('where messages are sent to the peer', () => {
  const state = (runs: Expected['runs'], isRunning: boolean, isRestarted = false): string[] =>
    compare({ ...ACCIDENT, runs }, { ...FOUND, runs: isRunning }, { isRestarted, hasMail: true }).map(
      ({ kind }) => kind,
    )

  it('a message may have started it, but not one that a person has stopped', () => {
    expect([
      state('policy', true),
      state('policy', false),
      state('wakes', true),
      state('wakes', false),
    ]).toEqual([[], [], [], []])
    expect(state('no', true)).toEqual(['wrong-state'])
    expect(state('policy', false, true)).toEqual(['wrong-state'])
    expect(state('yes', false)).toEqual(['wrong-state'])
  })

  const A = 'm_aaaaaaaaaaaaaaaa'
  const B = 'm_bbbbbbbbbbbbbbbb'
  it.each([
    ['taken and handled', [[A, 'handled']], [`begun ${A}-1.json`, `taken ${A}-1.json`], []],
    ['returned before it was given', [[A, 'returned']], [''], []],
    ['returned while the program had begun with it', [[A, 'returned']], [`begun ${A}-1.json`], []],
    ['handled, and the program died before it could note that', [[A, 'handled']], [`begun ${A}-1.json`], []],
    [
      'given again after the program died with it',
      [[A, 'handled']],
      [`begun ${A}-1.json`, `begun ${A}-2.json`, `taken ${A}-2.json`],
      [],
    ],
    [
      'given again after it was taken',
      [[A, 'handled']],
      [`taken ${A}-1.json`, `begun ${A}-2.json`],
      ['message-twice'],
    ],
    ['handled, but never given', [[A, 'handled']], [], ['message-lost']],
    ['returned, but taken', [[A, 'returned']], [`begun ${A}-1.json`, `taken ${A}-1.json`], ['false-receipt']],
    ['never settled', [[A, 'offered']], [`begun ${A}-1.json`], ['message-open']],
    [
      'in another order',
      [
        [A, 'handled'],
        [B, 'handled'],
      ],
      [`begun ${B}-1.json`, `taken ${B}-1.json`, `begun ${A}-1.json`, `taken ${A}-1.json`],
      ['message-order'],
    ],
    [
      'in their order, and one of them returned',
      [
        [A, 'returned'],
        [B, 'handled'],
      ],
      [`begun ${B}-1.json`, `taken ${B}-1.json`],
      [],
    ],
  ] satisfies [string, [string, SentMessage['state']][], string[], string[]][])(
    'a message that is %s',
    (_what, sent, noted, kinds) => {
      const receipts = sent.map(([id, state]) => ({ id, state }))
      expect(compareMessages(receipts, noted).map(({ kind }) => kind)).toEqual(kinds)
    },
  )
})

describe('the acts of a drill', () => {
  const acts = (count: number, seed: number) =>
    [...plan(KINDS, count, seed)].map(({ kind, ...rest }) => ({ ...rest, kind: kind.name }))

  it('are the same for the same seed, and others for another one', () => {
    expect(acts(200, 4_711)).toEqual(acts(200, 4_711))
    expect(acts(200, 4_711)).not.toEqual(acts(200, 4_712))
  })

  it('have each kind once before chance chooses', () => {
    const first = acts(KINDS.length, 99).map(({ kind }) => kind)
    expect(first.toSorted()).toEqual(KINDS.map(({ name }) => name).toSorted())
  })

  it('are as many as were asked for, also fewer than there are kinds', () => {
    expect(acts(3, 1).map(({ number }) => number)).toEqual([1, 2, 3])
    expect([...plan([], 3, 1)]).toEqual([])
  })
})

it('percentiles are those of the values', () => {
  expect(timesOf([])).toBeUndefined()
  expect(timesOf([7])).toEqual({ p50: 7, p99: 7 })
  expect(timesOf(Array.from({ length: 200 }, (_, at) => 200 - at))).toEqual({ p50: 100, p99: 198 })
})

describe('the report in the format of JUnit', () => {
  const RESULT: DrillResult = {
    ...{ seed: 7, count: 2, done: 2, isInterrupted: false, isControlRed: true, ms: 1_500 },
    control: new Map([['control-x', ['missed']]]),
    kinds: [
      {
        name: 'one',
        title: 'a "title" with <signs> & more',
        done: 1,
        wrong: 1,
        recordMs: [],
        recoveryMs: [],
      },
      { name: 'two', title: 'fine', done: 1, wrong: 0, recordMs: [3], recoveryMs: [] },
    ],
    skipped: [{ name: 'three', why: 'needs root' }],
    findings: [
      ...[
        {
          kind: 'missed',
          what: 'a\u0000b <c>',
          act: 'one',
          number: 1,
          identity: 'command-p1',
          gen: 'f'.repeat(16),
        },
      ],
      ...[
        { kind: 'leftover', what: 'x', act: 'end', number: undefined, identity: undefined, gen: undefined },
      ],
    ] as DrillResult['findings'],
    directory: '/tmp/x',
  }

  /** Reads the elements of a document. @throws Error if it is not well formed */
  function elements(text: string): { name: string; attributes: Record<string, string> }[] {
    const found: { name: string; attributes: Record<string, string> }[] = []
    const parser = new SaxesParser()
    parser.on('opentag', ({ name, attributes }) => found.push({ name, attributes: { ...attributes } }))
    parser.on('error', (error) => {
      throw error
    })
    parser.write(text).close()
    return found
  }

  it('is well formed, and counts what is wrong', () => {
    const found = elements(junit(RESULT))
    expect(found.find(({ name }) => name === 'testsuite')?.attributes).toMatchObject({
      ...{ tests: '5', failures: '2', skipped: '1', time: '1.500' },
    })
    expect(
      found.filter(({ name }) => name === 'testcase').map(({ attributes }) => attributes['name']),
    ).toEqual([
      'control',
      'one: a "title" with <signs> & more',
      'two: fine',
      'three',
      'leaves nothing behind',
    ])
  })

  it('has a failure if the control was not found to be wrong', () => {
    const found = elements(junit({ ...RESULT, isControlRed: false, findings: [] }))
    expect(found.filter(({ name }) => name === 'failure')).toMatchObject([
      { attributes: { type: 'control' } },
    ])
  })
})
