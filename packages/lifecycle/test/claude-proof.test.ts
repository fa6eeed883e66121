import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatCompactEnvelope } from '@iapeer/core/envelope'
import { formatIdentity, toPersonality, toRuntime } from '@iapeer/core/identity'
import { type Attempt, isMessageId, type MessageId, type WayName } from '@iapeer/core/mailbox'
import { asyncCleanups, privateDirectory } from '@iapeer/dev/testing'
import { describe, expect, it } from 'vitest'
import type { HookEvent } from '../src/conversations/claude/hook-events.ts'
import { HookEvents } from '../src/conversations/claude/hook-events.ts'
import { parseRecord } from '../src/conversations/claude/records.ts'
import { type PlacedRecord, TranscriptReader } from '../src/conversations/claude/transcript.ts'
import {
  holdsMessage,
  inboxBody,
  inboxContent,
  inboxFrame,
  messagesIn,
  rewakeBody,
} from '../src/mail/ways/claude/frames.ts'
import { judge } from '../src/mail/ways/claude/proof.ts'
import { hasNewDialog, interruptedUntil } from '../src/mail/ways/claude/readiness.ts'
import { judgeTurn } from '../src/mail/ways/claude/turn.ts'

const track = asyncCleanups()
/** Recorded with Claude Code 2.1.332, without fields that iapeer does not read. */
const LINES = readFileSync(
  fileURLToPath(new URL('fixtures/claude-332-transcript.jsonl', import.meta.url)),
  'utf8',
)
  .trimEnd()
  .split('\n')

function idOf(last: string): MessageId {
  const id = `m_aaaaaaaaaaaaaaa${last}`
  if (!isMessageId(id)) throw new Error(id)
  return id
}

const parse = (lines: readonly string[]): PlacedRecord[] =>
  lines.flatMap((line, at) => {
    const record = parseRecord(line)
    return record === undefined ? [] : [{ at, record }]
  })
const RECORDS = parse(LINES)

/** Returns what an attempt is recognised by. @param last the last character of the id of the message */
function attemptOf(last: string, way: WayName, more: Partial<Attempt> = {}) {
  const digit = { b: '1', x: '8' }[last] ?? last
  const attempt: Attempt = {
    ...{ n: 1, way, gen: 'g', leader: '1:1', mark: `00000000-0000-4000-8000-00000000000${digit}` },
    identity: formatIdentity({ runtime: toRuntime('claude'), personality: toPersonality('bob') }),
    conversation: { kind: 'claude', id: 'x' },
    ...{ at: '2026-11-29T13:46:00Z', uptimeMs: 1_000, ...more },
  }
  return { id: idOf(last), attempt }
}

const evidence = (records: readonly PlacedRecord[], events: readonly HookEvent[] = [], nowMs = 0) => ({
  parts: [records],
  events,
  nowMs,
})

const hook = (name: string, more: Partial<HookEvent> = {}): HookEvent => ({
  ...{ name, atMs: 1_000, uptimeMs: 1_000, sessionId: 's', transcript: '/t', turn: 't1', prompt: undefined },
  ...{ source: undefined, error: undefined, permissionMode: undefined, ...more },
})

describe('a recorded conversation of Claude Code', () => {
  it.each([
    ['when idle', 'b', 'inbox', 'ended'],
    ['with the result of a tool', '2', 'inbox', 'ended'],
    ['by a watcher when idle', '3', 'rewake', 'ended'],
    ['by a watcher while a tool runs', '4', 'rewake', 'ended'],
    ['and interrupted before an answer', '5', 'inbox', 'interrupted'],
    ['and interrupted in a tool', '6', 'inbox', 'interrupted'],
    ['by a paste', '7', 'paste', 'ended'],
    ['after retries of the model', 'x', 'inbox', 'ended'],
  ] as const)(
    'proves a message that was taken %s, and says how its turn went on',
    (_how, last, way, turn) => {
      const request = attemptOf(last, way)
      expect(judge(evidence(RECORDS), request)).toMatchObject({
        kind: 'taken',
        by: 'transcript',
        turn: expect.any(String),
      })
      expect(judgeTurn(evidence(RECORDS), request)).toEqual({ kind: turn })
    },
  )

  it('does not prove another attempt of the same message, nor the same message by another way', () => {
    const mark = '00000000-0000-4000-8000-0000000000ff'
    expect(judge(evidence(RECORDS), attemptOf('b', 'inbox', { mark }))).toMatchObject({ kind: 'accepted' })
    for (const [last, way] of [
      ['3', 'rewake'],
      ['7', 'paste'],
    ] as const)
      expect(judge(evidence(RECORDS), attemptOf(last, way, { n: 2 }))).toEqual({ kind: 'none' })
    expect(judge(evidence(RECORDS), attemptOf('b', 'paste'))).toEqual({ kind: 'none' })
    expect(judge(evidence(RECORDS), attemptOf('7', 'rewake'))).toEqual({ kind: 'none' })
  })

  it('does not prove a message whose record is missing, whatever else contains its id', () => {
    const taking = LINES.findIndex(
      (line) => line.includes('queued_command') && line.includes('aaaaaaaaaaaaaaa2'),
    )
    const others = LINES.filter((_line, at) => at !== taking)
    expect(
      others.some((line) => line.includes('api-request-blob') && line.includes('aaaaaaaaaaaaaaa2')),
    ).toBe(true)
    // The program had put it into its queue.
    expect(judge(evidence(parse(others)), attemptOf('2', 'inbox'))).toEqual({ kind: 'accepted' })
    const isQueued = (line: string) => line.includes('queue-operation') && line.includes('aaaaaaaaaaaaaaa2')
    const without = parse(others.filter((line) => !isQueued(line)))
    expect(judge(evidence(without), attemptOf('2', 'inbox'))).toEqual({ kind: 'none' })
  })
})

describe('what only looks like a taking', () => {
  const envelope = (last: string, message = 'hello', n = 1): string =>
    formatCompactEnvelope(
      {
        ...{ id: idOf(last), n, fromPersonality: toPersonality('ann'), fromRuntime: toRuntime('codex') },
        ...{ attachments: [], message },
      },
      '2026-06-10T12:00:00+02:00',
    )
  const user = (content: unknown, more: object = {}): string =>
    JSON.stringify({
      type: 'user',
      isSidechain: false,
      promptId: 't1',
      message: { role: 'user', content },
      ...more,
    })
  const peer = (mark: string, more: object = {}): string =>
    user('x', { origin: { kind: 'peer', msg_id: mark }, ...more })
  const MARK = '00000000-0000-4000-8000-000000000002'

  it.each([
    ['a record of a subagent', peer(MARK, { isSidechain: true }), 'inbox'],
    ['a record of another mark', peer('00000000-0000-4000-8000-000000000003'), 'inbox'],
    ['a mark of another origin', user('x', { origin: { kind: 'human', msg_id: MARK } }), 'inbox'],
    [
      'a person who quotes the envelope',
      user(`see ${envelope('2')}`, { origin: { kind: 'human' } }),
      'paste',
    ],
    [
      'a person who adds to the envelope',
      user(`${envelope('2')} what?`, { origin: { kind: 'human' } }),
      'paste',
    ],
    [
      'a message that quotes the envelope',
      user(envelope('3', envelope('2')), { origin: { kind: 'human' } }),
      'paste',
    ],
    ['an answer to the message', user(envelope('3', 're'), { origin: { kind: 'human' } }), 'paste'],
    [
      'a person who types the frame',
      user(
        `<system-reminder>\nStop hook blocking error from command "Stop": ${envelope('2')}\n</system-reminder>`,
        { origin: { kind: 'human' } },
      ),
      'rewake',
    ],
    ['the result of a tool', user([{ type: 'tool_result', content: envelope('2') }]), 'paste'],
    ['a summary', user(`<summary>${envelope('2')}</summary>`), 'rewake'],
    ['half a line', peer(MARK).slice(0, -5), 'inbox'],
  ] as const)('%s proves nothing', (_what, line, way) => {
    expect(judge(evidence(parse([line])), attemptOf('2', way))).toEqual({ kind: 'none' })
  })

  it('is told from a true one by its frame: several envelopes in one are each proven', () => {
    const both = `${envelope('2')}\n\n${envelope('3', 'a\n\n<iap id="x"', 4)}`
    expect(messagesIn(both)).toEqual([
      { id: idOf('2'), n: 1 },
      { id: idOf('3'), n: 4 },
    ])
    const content = inboxContent('/r/s', { sender: 'ann', text: both })
    expect(inboxBody(content)).toBe(both)
    expect(holdsMessage(inboxBody(`${content} more`), { id: idOf('2'), n: 1 })).toBe(false)
    expect(rewakeBody(both)).toBeUndefined()
    const offer = { ...{ text: both, messages: [], sender: 'ann', priority: 'next' as const }, mark: MARK }
    expect(inboxFrame('/r/s', offer)).toBe(inboxFrame('/r/s', offer))
    expect(inboxFrame('/r/s', offer).indexOf('\n')).toBe(inboxFrame('/r/s', offer).length - 1)
  })

  it('follows the one turn that took several messages from the queue, whichever of them the end of the turn names', () => {
    const taken = (digit: string) =>
      peer(`00000000-0000-4000-8000-00000000000${digit}`, { promptId: `t${digit}` })
    const answer = JSON.stringify({ type: 'assistant', isSidechain: false, message: { content: [] } })
    const waits = JSON.stringify({ type: 'queue-operation', operation: 'enqueue', content: 'later' })
    const end = JSON.stringify({ type: 'system', subtype: 'turn_duration' })
    const together = [taken('2'), taken('3'), waits, taken('4')]
    for (const last of ['2', '3', '4']) {
      const request = attemptOf(last, 'inbox')
      const outcome = (lines: readonly string[], events: readonly HookEvent[] = []) =>
        judgeTurn(evidence(parse([...together, ...lines]), events), request)
      expect(outcome([])).toEqual({ kind: 'running' })
      expect(outcome([answer])).toEqual({ kind: 'running' })
      expect(outcome([answer, end])).toEqual({ kind: 'ended' })
      expect(outcome([answer], [hook('Stop', { turn: 't4' })])).toEqual({ kind: 'ended' })
      const interrupted = user([{ type: 'text', text: '[Request interrupted by user]' }], { promptId: 't4' })
      expect(outcome([interrupted])).toEqual({ kind: 'interrupted' })
      // The end of a later turn is not the end of this one.
      expect(outcome([answer, taken('5'), answer], [hook('Stop', { turn: 't5' })])).toEqual({
        kind: 'unknown',
      })
    }
  })

  it('a text that a person types does not count as an interrupt', () => {
    const words = [{ type: 'text', text: '[Request interrupted by user]' }]
    expect(parseRecord(user(words))).toMatchObject({ kind: 'interrupted', turn: 't1' })
    expect(parseRecord(user(words, { origin: { kind: 'human' } }))).toMatchObject({ kind: 'input' })
  })

  it('the call of a hook counts when the transcript could not be written, but never for a paste', () => {
    const prompt = inboxContent('/r/s', { sender: 'ann', text: envelope('2') })
    const events = [hook('UserPromptSubmit', { prompt })]
    const request = attemptOf('2', 'inbox')
    expect(judge(evidence([], events, 2_000), request)).toEqual({ kind: 'accepted' })
    expect(judge(evidence([], events, 9_000), request)).toEqual({ kind: 'taken', by: 'hook', turn: 't1' })
    expect(judge(evidence([], events, 9_000), attemptOf('2', 'inbox', { n: 2 }))).toEqual({ kind: 'none' })
    const typed = [hook('UserPromptSubmit', { prompt: envelope('2') })]
    expect(judge(evidence([], typed, 9_000), attemptOf('2', 'paste'))).toEqual({ kind: 'accepted' })
    expect(judgeTurn(evidence([], events), request)).toEqual({ kind: 'running' })
    const failed = [...events, hook('StopFailure', { error: 'rate_limit' })]
    expect(judgeTurn(evidence([], failed), request)).toEqual({ kind: 'failed', why: 'rate_limit' })
    expect(judgeTurn(evidence([], [...failed, hook('Stop')]), request)).toEqual({ kind: 'ended' })
  })
})

describe('a session', () => {
  it('is left alone for 30 s after an interrupt, or until a turn has ended', () => {
    const interrupted = { at: 0, record: { kind: 'interrupted', turn: 't', atMs: 1_000 } } as const
    const ended = { at: 1, record: { kind: 'turn-end', atMs: 2_000 } } as const
    expect(interruptedUntil([interrupted])).toBe(31_000)
    expect(interruptedUntil([interrupted, ended])).toBe(0)
    expect(interruptedUntil([])).toBe(0)
  })

  it('has a dialog that its sessions file does not report yet', () => {
    expect(hasNewDialog([hook('PermissionRequest')], 1_500)).toBe(true)
    expect(hasNewDialog([hook('PermissionRequest')], 2_500)).toBe(false)
    expect(hasNewDialog([hook('PermissionRequest'), hook('Stop')], 1_500)).toBe(false)
  })
})

describe('the reader of a transcript', () => {
  const line = (mark: string): string =>
    `${JSON.stringify({ type: 'user', message: { content: mark }, origin: { kind: 'peer', msg_id: mark } })}\n`
  const marksOf = (records: readonly PlacedRecord[]): readonly (string | undefined)[] =>
    records.map(({ record }) => (record.kind === 'input' ? record.mark : undefined))
  function newFile(text: string): string {
    const { path, remove } = privateDirectory()
    track(remove)
    const file = join(path, 't.jsonl')
    writeFileSync(file, text)
    return file
  }

  it('reads from a position on, whole lines only, and goes on where it stopped', async () => {
    const path = newFile(line('a') + line('b'))
    const reader = new TranscriptReader()
    const offset = Buffer.byteLength(line('a'))
    expect(marksOf((await reader.read({ path, offset })).records)).toEqual(['b'])
    appendFileSync(
      path,
      `{"type":"other","text":"${'é'.repeat(1_500_000)}"}\n${line('c')}${line('d').slice(0, 9)}`,
    )
    expect(marksOf((await reader.read({ path, offset })).records)).toEqual(['b', 'c'])
    appendFileSync(path, line('d').slice(9))
    const both = await Promise.all([reader.read({ path, offset }), reader.read({ path, offset })])
    for (const { records, end } of both) {
      expect(marksOf(records)).toEqual(['b', 'c', 'd'])
      expect(end).toBe(statSync(path).size)
    }
    expect(marksOf((await reader.read({ path })).records)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('reads a file that is shorter than the position, or another one, from its start', async () => {
    const path = newFile(line('a') + line('b'))
    const reader = new TranscriptReader()
    const inode = String(statSync(path).ino)
    expect((await reader.read({ path, inode, offset: 2 * line('a').length })).records).toEqual([])
    writeFileSync(path, line('c'))
    expect(marksOf((await reader.read({ path, inode, offset: 2 * line('a').length })).records)).toEqual(['c'])
    expect(marksOf((await reader.read({ path, inode: '1', offset: 10 })).records)).toEqual(['c'])
    expect(await reader.read({ path: `${path}.none` })).toMatchObject({ records: [], isComplete: true })
  })
})

describe('the files of hooks', () => {
  it('are read once they are complete, in order; one that was cut off says what it can', async () => {
    const { path, remove } = privateDirectory()
    track(remove)
    const payload = (name: string, more: object = {}): string =>
      JSON.stringify({ session_id: 's', transcript_path: '/t', hook_event_name: name, ...more })
    writeFileSync(join(path, '00000000100.50-7'), payload('Stop', { prompt_id: 't1' }))
    writeFileSync(join(path, '00000000099.99-9'), payload('SessionStart', { source: 'startup' }))
    const cut = payload('UserPromptSubmit', { prompt: 'x'.repeat(100) }).slice(0, -20)
    writeFileSync(join(path, '00000000101.00-8'), cut)
    writeFileSync(join(path, 'other'), '')
    const events = new HookEvents()
    const names = async () => (await events.read(path)).map(({ name }) => name)
    expect(await names()).toEqual(['SessionStart', 'Stop'])
    const { utimesSync } = await import('node:fs')
    utimesSync(join(path, '00000000101.00-8'), 1_000, 1_000)
    expect(await names()).toEqual(['SessionStart', 'Stop', 'UserPromptSubmit'])
    expect((await events.read(path)).at(-1)).toMatchObject({
      sessionId: 's',
      prompt: undefined,
      uptimeMs: 101_000,
    })
    expect(await events.read(join(path, 'none'))).toEqual([])
  })
})
