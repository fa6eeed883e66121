import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type WakeFacts, wakeMode } from '../src/launch/wake-mode.ts'
import { decide, type Observation } from '../src/supervise/decide.ts'
import { backOffMs, nextStepOf } from '../src/supervise/restart-policy.ts'
import { superviseSettings } from '../src/supervise/settings.ts'
import { createSleepClock } from '../src/supervise/sleep-clock.ts'

const at = (
  health: Observation['health'],
  desired: Observation['desired'],
  activity: Observation['activity'] = 'busy',
) => decide({ health, desired, activity })

describe('what is done about a session', () => {
  it.each([
    ['managed', 'none', 'done', 'leave'],
    ['managed', 'stay-down', 'busy', 'leave'],
    ['server-dead', 'stay-down', 'busy', 'settle'],
    ['server-dead', 'come-back', 'busy', 'settle'],
    ['server-dead', 'none', 'idle', 'settle'],
    ['session-gone', 'stay-down', 'busy', 'settle'],
    ['session-gone', 'come-back', 'busy', 'settle'],
    ['session-gone', 'none', 'busy', 'settle'],
    ['leader-lost', 'none', 'busy', 'finish'],
    ['leader-lost', 'come-back', 'busy', 'finish'],
    ['unresponsive', 'none', 'done', 'report'],
    ['running', 'none', 'busy', 'keep'],
    ['running', 'none', 'idle', 'suspend'],
    ['running', 'none', 'done', 'reap'],
    ['running', 'stay-down', 'idle', 'keep'],
    ['running', 'come-back', 'done', 'keep'],
  ] as const)('%s, %s, %s: %s', (health, desired, activity, action) => {
    expect(at(health, desired, activity)).toBe(action)
  })
})

describe('what follows an end', () => {
  const input = { restarts: 0, inLoop: false, chance: 0.5, desired: 'none' } as const
  it.each([
    [{}, 'crash', input, { kind: 'stay-down' }],
    [{ restart: 'on-failure' }, 'crash', input, { kind: 'start', mode: 'fresh', afterMs: 1_000 }],
    [{ restart: 'resume' }, 'crash', input, { kind: 'start', mode: 'resume', afterMs: 1_000 }],
    [{ restart: 'on-failure' }, 'self-close', input, { kind: 'stay-down' }],
    [{ wakePolicy: 'keep-alive' }, 'self-close', input, { kind: 'start', mode: 'fresh', afterMs: 1_000 }],
    [{ wakePolicy: 'keep-alive' }, 'crash', { ...input, inLoop: true }, { kind: 'crash-loop' }],
    [{}, 'crash', { ...input, inLoop: true }, { kind: 'crash-loop' }],
    [{ wakePolicy: 'keep-alive' }, 'crash', { ...input, desired: 'stay-down' }, { kind: 'stay-down' }],
    [{}, 'stopped', { ...input, desired: 'come-back' }, { kind: 'start', mode: 'fresh', afterMs: 0 }],
    [{ wakePolicy: 'keep-alive' }, 'stopped', input, { kind: 'stay-down' }],
    [{ wakePolicy: 'keep-alive' }, 'idle', input, { kind: 'stay-down' }],
    [{ wakePolicy: 'ephemeral', restart: 'on-failure' }, 'crash', input, { kind: 'stay-down' }],
    [{ afterReboot: 'resume' }, 'reboot', input, { kind: 'start', mode: 'resume', afterMs: 0 }],
    [{ restart: 'on-failure' }, 'reboot', input, { kind: 'stay-down' }],
  ] as const)('%j after %s', (policy, end, circumstances, nextStep) => {
    expect(nextStepOf(policy, { end, ...circumstances })).toEqual(nextStep)
  })

  it('restarts wait from a second to five minutes, a quarter more or less, and never less after more of them', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.float({ min: 0, max: 1, noNaN: true }), (restarts, chance) => {
        const ms = backOffMs(restarts, chance)
        expect(ms).toBeGreaterThanOrEqual(750)
        expect(ms).toBeLessThanOrEqual(375_000)
        expect(backOffMs(restarts + 1, chance)).toBeGreaterThanOrEqual(ms)
      }),
    )
  })
})

describe('a wake', () => {
  const facts: WakeFacts = {
    lastEnd: 'idle',
    from: 'human',
    topics: ['mail'],
    canResume: true,
    resumeAsked: false,
  }
  it.each([
    ['idle, by a person', {}, 'resume'],
    ['idle, by an agent about the same', { from: 'agent', topic: 'mail' }, 'resume'],
    ['idle, by an agent about something else', { from: 'agent', topic: 'build' }, 'fresh'],
    ['idle, by an agent about nothing', { from: 'agent' }, 'fresh'],
    ['idle, and its session is gone', { canResume: false }, 'fresh'],
    ['after a crash', { lastEnd: 'crash' }, 'fresh'],
    ['after a crash, asked to go on', { lastEnd: 'crash', resumeAsked: true }, 'resume'],
    [
      'after a crash, asked to go on with nothing',
      { lastEnd: 'crash', resumeAsked: true, canResume: false },
      'fresh',
    ],
    ['closed by itself', { lastEnd: 'self-close' }, 'fresh'],
    ['never ran', { lastEnd: undefined }, 'fresh'],
    ['attach', { from: 'attach', lastEnd: 'crash' }, 'resume'],
    ['attach to nothing', { from: 'attach', canResume: false }, 'refused'],
  ] as const)('%s', (_what, changes, mode) => {
    expect(wakeMode({ ...facts, ...changes }).mode).toBe(mode)
  })
})

it('what the machine slept is nobody`s idleness', () => {
  const clock = createSleepClock({ wallMs: 0, monotonicMs: 0 })
  clock.note(60_000, 60_000)
  expect(clock.awakeMsSince(10_000)).toBe(50_000)
  clock.note(3_660_000, 61_000)
  expect(clock.awakeMsSince(10_000)).toBe(51_000)
  expect(clock.awakeMsSince(3_660_000)).toBe(0)
})

it('a setting that cannot be is refused by its name', () => {
  expect(superviseSettings({}).tickSecs).toBe(60)
  expect(superviseSettings({ IAPEER_TICK_SECS: '0.5' }).tickSecs).toBe(0.5)
  for (const value of ['-1', 'soon', '0'])
    expect(() => superviseSettings({ IAPEER_CRASHLOOP_MAX: value })).toThrow(/IAPEER_CRASHLOOP_MAX/)
})
