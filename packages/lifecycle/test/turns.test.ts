import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { HookEvent } from '../src/conversations/claude/hook-events.ts'
import { parseRecord } from '../src/conversations/claude/records.ts'
import type { PlacedRecord } from '../src/conversations/claude/transcript.ts'
import { parseRolloutLine } from '../src/conversations/codex/rollout.ts'
import { parseThread, parseTurn, subAgentsOf } from '../src/conversations/codex/threads.ts'
import { isSparedAsMute } from '../src/sessions/turn.ts'
import { turnText } from '../src/sessions/turn-text.ts'
import { type ClaudeEvidence, judgeClaudeTurn } from '../src/turns/claude-turn.ts'
import { judgeRolloutTurn, judgeThreadTurn } from '../src/turns/codex-turn.ts'
import { judgeOutput } from '../src/turns/look-output.ts'
import { claudeMuteReason, codexMuteReason } from '../src/turns/mute-cause.ts'

/** Recorded with Claude Code 2.1.332 and Codex 0.171.0 on a model on loopback. */
const linesOf = (name: string): readonly string[] =>
  readFileSync(fileURLToPath(new URL(`fixtures/turns/${name}`, import.meta.url)), 'utf8')
    .trimEnd()
    .split('\n')

interface Step {
  readonly at: string
  readonly act?: string
  readonly report?: { readonly status: 'idle' | 'busy' | 'waiting'; waitingFor?: string; since: string }
  readonly hook?: Partial<HookEvent> & { readonly name: string }
}

const STEPS: readonly Step[] = linesOf('claude-session.jsonl').map((line) => JSON.parse(line))
const RECORDS: readonly PlacedRecord[] = linesOf('claude-transcript.jsonl').flatMap((line, at) => {
  const record = parseRecord(line)
  return record === undefined ? [] : [{ at, record }]
})

function hookEvent(hook: Partial<HookEvent> & { readonly name: string }, at: string): HookEvent {
  const named = { turn: undefined, prompt: undefined, source: undefined, permissionMode: undefined }
  return {
    sessionId: '',
    transcript: '',
    uptimeMs: 0,
    error: undefined,
    ...named,
    atMs: Date.parse(at),
    ...hook,
  }
}

/** Returns what the recorded session was seen to do in each act, without repetitions. */
function replay(without: (step: Step) => boolean = () => false) {
  const acts = new Map<string, string[]>()
  let [act, report]: [string, ClaudeEvidence['report']] = ['', undefined]
  const events: HookEvent[] = []
  for (const step of STEPS) {
    if (step.act !== undefined) {
      act = step.act
      acts.set(act, [])
      continue
    }
    if (without(step)) continue
    if (step.report !== undefined) report = { ...step.report, sinceMs: Date.parse(step.report.since) }
    if (step.hook !== undefined) events.push(hookEvent(step.hook, step.at))
    const nowMs = Date.parse(step.at)
    const records = RECORDS.filter(({ record }) => record.atMs <= nowMs)
    const seen = acts.get(act)
    const text = turnText(judgeClaudeTurn({ report, events, records }).turn)
    if (seen !== undefined && seen.at(-1) !== text) seen.push(text)
  }
  return acts
}

describe('what a recorded session of Claude Code does', () => {
  const acts = replay()
  it.each([
    ['plain turn', ['idle', 'working', 'idle']],
    ['status 429', ['working', 'mute: rate limit']],
    ['status 401', ['working', 'mute: not logged in, or refused']],
    ['status 529', ['working', 'mute: model overloaded']],
    ['status 500', ['working', 'mute: server error']],
    ['status 404', ['working', 'mute: model not available']],
    ['status 400', ['working', 'mute: request refused']],
    ['status 402', ['working', 'mute: quota used up']],
    ['good again', ['working', 'idle']],
    ['dialog', ['working', 'blocked: permission prompt', 'blocked: permission prompt (Bash)', 'idle']],
    ['question', ['working', 'blocked: input needed (AskUserQuestion)', 'idle']],
    ['escape while held', ['working', 'idle']],
    ['slash dialog', ['blocked: dialog open', 'idle']],
    ['clear', ['working', 'idle']],
  ])('%s', (act, states) => {
    const seen = (acts.get(act) ?? []).filter(
      (text, at, all) => !text.startsWith('mute') || at === all.length - 1,
    )
    expect(seen.filter((text, at) => at > 0 || text !== 'idle' || states[0] === 'idle')).toEqual(states)
  })

  it('a sub-agent in the background keeps it working after the turn that started it', () => {
    const steps = STEPS.slice(STEPS.findIndex(({ act }) => act === 'background subagent') + 1)
    const stop = steps.findIndex(({ hook }) => hook?.name === 'Stop')
    expect(steps[stop + 1]?.report?.status).toBe('idle')
    const before = steps.slice(0, stop + 1).findLast(({ report }) => report !== undefined)?.report
    const events = [hookEvent({ name: 'Stop' }, steps[stop]?.at ?? '')]
    const report = before && { ...before, sinceMs: Date.parse(before.since) }
    expect(judgeClaudeTurn({ report, events, records: RECORDS }).turn.state).toBe('working')
  })

  it('compaction and what it writes into the conversation are work, not an interrupt or a failure', () => {
    expect(acts.get('compact')).toEqual(['working', 'idle'])
  })

  it('without hooks, the transcript says why it is mute', () => {
    const byTranscript = replay(({ hook }) => hook !== undefined)
    expect(byTranscript.get('status 529')?.at(-1)).toBe('mute: model overloaded')
    expect(byTranscript.get('status 404')?.at(-1)).toBe('mute: model not available')
    expect(byTranscript.get('good again')?.at(-1)).toBe('idle')
  })

  it('without a sessions file, the hooks say it, and the transcript that the person pressed Escape', () => {
    const byHooks = replay(({ report }) => report !== undefined)
    expect(byHooks.get('plain turn')).toEqual(['unknown', 'working', 'idle'])
    expect(byHooks.get('status 429')).toEqual(['working', 'mute: rate limit'])
    const interrupted = RECORDS.find(({ record }) => record.kind === 'interrupted')
    const atMs = interrupted?.record.atMs ?? 0
    const events = [hookEvent({ name: 'UserPromptSubmit' }, new Date(atMs - 1_000).toISOString())]
    const { turn } = judgeClaudeTurn({ report: undefined, events, records: RECORDS.slice(0, 45) })
    expect(turn).toMatchObject({ state: 'idle', source: 'transcript' })
  })

  it('a permission request without a sessions file is unknown: no hook tells that a person has answered', () => {
    const events = [hookEvent({ name: 'PermissionRequest', tool: 'Bash' }, '2026-11-29T10:00:00Z')]
    expect(judgeClaudeTurn({ report: undefined, events, records: [] }).turn.state).toBe('unknown')
  })

  it('is mute since the first failure in a row, of whatever cause, with the number that the transcript has', () => {
    const failures = ['10:00', '10:20', '10:40'].map((time, at) =>
      hookEvent(
        { name: 'StopFailure', error: at === 0 ? 'authentication_failed' : 'rate_limit' },
        `2026-11-29T${time}:00Z`,
      ),
    )
    const records: PlacedRecord[] = [
      {
        at: 0,
        record: {
          kind: 'answer',
          error: 'rate_limit',
          status: 429,
          atMs: Date.parse('2026-11-29T10:40:00Z'),
        },
      },
    ]
    const report = { status: 'idle', sinceMs: Date.parse('2026-11-29T10:40:00Z') } as const
    expect(judgeClaudeTurn({ report, events: failures, records }).turn).toEqual({
      ...{ state: 'mute', source: 'hook', cause: 'rate-limit', detail: 'HTTP 429' },
      since: '2026-11-29T10:00:00.000Z',
      failedAt: '2026-11-29T10:40:00.000Z',
    })
  })
})

describe('an agent that cannot answer is spared', () => {
  const at = (minutes: number): string => new Date(minutes * 60_000).toISOString()
  const mute = (since: number, failedAt: number) =>
    ({ state: 'mute', source: 'hook', since: at(since), failedAt: at(failedAt) }) as const
  it.each([
    ['a minute after its first failure', mute(10, 10), 10.9, true],
    ['no longer', mute(10, 10), 11, false],
    ['for as long as it had been failing', mute(10, 14), 17.9, true],
    ['no longer than that', mute(10, 14), 18, false],
    ['at most half an hour', mute(10, 500), 529.9, true],
    ['not for longer', mute(10, 500), 530, false],
  ])('%s', (_name, turn, nowMinutes, isSpared) => {
    expect(isSparedAsMute(turn, nowMinutes * 60_000)).toBe(isSpared)
  })

  it('not if it does anything else', () => {
    expect(isSparedAsMute({ state: 'idle', source: 'hook', failedAt: at(10) }, 0)).toBe(false)
  })
})

describe('the reason of a failed turn', () => {
  it.each([
    ['rate_limit', 429, 'rate-limit', 'HTTP 429'],
    ['rate_limit', undefined, 'rate-limit', 'rate_limit'],
    ['server_error', 529, 'overload', 'HTTP 529'],
    ['server_error', 503, 'overload', 'HTTP 503'],
    ['server_error', undefined, 'server', 'server_error'],
    ['unknown', 402, 'quota', 'HTTP 402'],
    ['unknown', 418, 'request', 'HTTP 418'],
    ['unknown', undefined, 'other', 'unknown'],
    ['a_word_of_tomorrow', undefined, 'other', 'a_word_of_tomorrow'],
  ])('of Claude Code: %s with status %s is %s', (word, status, cause, detail) => {
    expect(claudeMuteReason({ word, status })).toEqual({ cause, detail })
  })

  it('an answer that was cut off by its length is not a reason', () => {
    expect(claudeMuteReason({ word: 'max_output_tokens' })).toBeUndefined()
  })

  it('of a server that was not reached is in the message of the transcript', () => {
    const line = (message: string): string =>
      JSON.stringify({
        ...{ type: 'assistant', timestamp: '2026-11-29T17:33:15.039Z', isApiErrorMessage: true },
        ...{ error: 'server_error', message: { content: [{ type: 'text', text: message }] } },
      })
    const refused = 'API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)'
    expect(parseRecord(line(refused))).toMatchObject({ error: 'server_error', errno: 'ECONNREFUSED' })
    expect(parseRecord(line('API Error: see (EXAMPLE) for more'))).not.toHaveProperty('errno')
    expect(claudeMuteReason({ word: 'server_error', errno: 'ECONNREFUSED' })).toEqual({
      ...{ cause: 'network', detail: 'ECONNREFUSED' },
    })
  })

  it.each([
    [{ kind: 'usage_limit_exceeded', message: 'x' }, 'quota', 'usage_limit_exceeded'],
    [{ kind: 'response_too_many_failed_attempts', status: 429, message: 'x' }, 'rate-limit', 'HTTP 429'],
    [{ kind: 'http_connection_failed', message: 'x' }, 'network', 'http_connection_failed'],
    [{ kind: 'other', message: 'what it said' }, 'other', 'what it said'],
    [{ message: 'no kind' }, 'other', 'no kind'],
  ])('of Codex: %j', (error, cause, detail) => {
    expect(codexMuteReason(error)).toEqual({ cause, detail })
  })
})

const thread = (type: string, ...activeFlags: readonly string[]) =>
  parseThread({ id: 't', status: { type, activeFlags }, ephemeral: false, threadSource: 'user' }) ?? {
    ...{ status: 'unknown', waitsFor: [] },
  }
const turn = (id: string, status: string, completedAt: number, codexErrorInfo?: unknown) => {
  const error = codexErrorInfo === undefined ? null : { message: 'm', codexErrorInfo }
  const parsed = parseTurn({ id, status, completedAt, startedAt: completedAt - 5, error, items: [] })
  if (parsed === undefined) throw new Error('not a turn')
  return parsed
}

describe('what a session of Codex does', () => {
  it.each([
    [thread('idle'), [], 'idle'],
    [thread('active'), [], 'working'],
    [thread('active', 'waitingOnApproval'), [], 'blocked: approval'],
    [thread('active', 'waitingOnUserInput'), [], 'blocked: question'],
    [thread('active', 'waitingOnTomorrow'), [], 'blocked: waitingOnTomorrow'],
    [thread('systemError'), [turn('1', 'failed', 100, 'serverOverloaded')], 'mute: model overloaded'],
    [
      thread('systemError'),
      [turn('1', 'failed', 100, { httpConnectionFailed: { httpStatusCode: 401 } })],
      'mute: not logged in, or refused',
    ],
    // A server that was started anew does not know the error of its last turn any more.
    [thread('idle'), [turn('1', 'failed', 100, 'usageLimitExceeded')], 'mute: quota used up'],
    [thread('idle'), [turn('1', 'interrupted', 100)], 'idle'],
    [thread('notLoaded'), [], 'unknown'],
  ])('%j with turns %j is %s', (of, turns, text) => {
    expect(turnText(judgeThreadTurn({ thread: of, turns }).turn)).toBe(text)
  })

  it('is mute since the first failure in a row', () => {
    const turns = [
      turn('4', 'failed', 400, 'serverOverloaded'),
      turn('3', 'failed', 300, 'serverOverloaded'),
      turn('2', 'failed', 200, 'unauthorized'),
    ]
    const since = judgeThreadTurn({ thread: thread('systemError'), turns }).turn.since
    expect(since).toBe(new Date(200_000).toISOString())
  })

  it.each([
    [thread('idle'), [thread('active')], 'working'],
    [thread('active'), [thread('active', 'waitingOnApproval')], 'blocked: approval of a sub-agent'],
    [thread('idle'), [thread('active', 'waitingOnApproval')], 'blocked: approval of a sub-agent'],
    [thread('idle'), [thread('idle')], 'idle'],
  ])('%j with the sub-agents %j is %s', (of, subAgents, text) => {
    expect(turnText(judgeThreadTurn({ thread: of, turns: [], subAgents }).turn)).toBe(text)
  })

  it('has the sub-agents of its sub-agents, and not those of another thread', () => {
    const threads = [
      ['d', 'c'],
      ['b', 'a'],
      ['c', 'b'],
      ['x', 'other'],
      ['a', undefined],
    ].map(([id, parentThreadId]) => parseThread({ id, parentThreadId, status: { type: 'idle' } }))
    const known = threads.filter((one) => one !== undefined)
    expect(
      subAgentsOf(known, 'a')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['b', 'c', 'd'])
  })

  it('its rollout says each failure of the recorded session, without an app-server', () => {
    const texts = linesOf('codex-rollout.jsonl')
      .map(parseRolloutLine)
      .flatMap((record) => {
        if (record === undefined || record.kind === 'user') return []
        const { kind, atMs } = record
        const last = kind === 'begin' ? { kind, atMs } : { kind, atMs, error: record.error }
        return [turnText(judgeRolloutTurn(last).turn)]
      })
    expect(texts.filter((text) => text !== 'working')).toEqual([
      ...['idle', 'mute: quota used up', 'mute: rate limit', 'mute: not logged in, or refused'],
      ...['mute: model overloaded', 'mute: server error', 'mute: model not available', 'mute: unknown error'],
      ...['mute: quota used up', 'idle', 'idle', 'idle', 'idle'],
    ])
  })

  it('a dialog on the screen decides only while a turn runs', () => {
    expect(judgeRolloutTurn({ kind: 'begin', atMs: 1 }, 'approval').turn).toMatchObject({
      ...{ state: 'blocked', source: 'screen', dialog: 'approval' },
    })
    expect(judgeRolloutTurn(undefined).turn).toMatchObject({ state: 'idle', source: 'rollout' })
  })
})

describe('a program of which only the output is known', () => {
  it.each([
    [undefined, 'unknown'],
    [1_000_000, 'working'],
    [990_001, 'working'],
    [990_000, 'idle'],
    [1, 'idle'],
    [9_000_000, 'idle'],
  ])('with its last output at %s ms, at 1,000,000 ms, is %s', (outputMs, state) => {
    expect(judgeOutput(outputMs, 1_000_000).turn.state).toBe(state)
  })
})
