import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type WakeFacts, wakeMode } from '../src/launch/wake-mode.ts'
import type { MuteCause } from '../src/sessions/index.ts'
import { decide, type Observation } from '../src/supervise/decide.ts'
import { backOffMs, nextStepOf } from '../src/supervise/restart-policy.ts'
import { superviseSettings } from '../src/supervise/settings.ts'
import { createSleepClock } from '../src/supervise/sleep-clock.ts'

const actionFor = (
  health: Observation['health'],
  desired: Observation['desired'],
  activity: Observation['activity'] = 'busy',
) => decide({ health, desired, activity })

describe('the action for a session', () => {
  it.each([
    ['managed', 'none', 'done', 'leave'],
    ['managed', 'stopped', 'busy', 'leave'],
    ['server-dead', 'stopped', 'busy', 'settle'],
    ['server-dead', 'restart', 'busy', 'settle'],
    ['server-dead', 'none', 'idle', 'settle'],
    ['session-gone', 'stopped', 'busy', 'settle'],
    ['session-gone', 'restart', 'busy', 'settle'],
    ['session-gone', 'none', 'busy', 'settle'],
    ['leader-lost', 'none', 'busy', 'finish'],
    ['leader-lost', 'restart', 'busy', 'finish'],
    ['unresponsive', 'none', 'done', 'report'],
    ['running', 'none', 'busy', 'keep'],
    ['running', 'none', 'idle', 'suspend'],
    ['running', 'none', 'done', 'reap'],
    ['running', 'stopped', 'idle', 'keep'],
    ['running', 'restart', 'done', 'keep'],
  ] as const)('%s, %s, %s: %s', (health, desired, activity, action) => {
    expect(actionFor(health, desired, activity)).toBe(action)
  })
})

describe('the next step after the end of a session', () => {
  const input = { restarts: 0, inLoop: false, chance: 0.5, desired: 'none' } as const
  it.each([
    [{}, 'crash', input, { kind: 'stay-down', why: 'policy' }],
    [{ restart: 'on-failure' }, 'crash', input, { kind: 'start', mode: 'fresh', afterMs: 1_000 }],
    [{ restart: 'resume' }, 'crash', input, { kind: 'start', mode: 'resume', afterMs: 1_000 }],
    [{ restart: 'on-failure' }, 'self-close', input, { kind: 'stay-down', why: 'policy' }],
    [{ restart: 'always' }, 'self-close', input, { kind: 'start', mode: 'fresh', afterMs: 1_000 }],
    [{ restart: 'always' }, 'crash', input, { kind: 'start', mode: 'fresh', afterMs: 1_000 }],
    [{ restart: 'always' }, 'crash', { ...input, inLoop: true }, { kind: 'crash-loop' }],
    [{ restart: 'always' }, 'self-close', { ...input, desired: 'stopped' }, { kind: 'stay-down' }],
    [{ restart: 'always' }, 'stopped', input, { kind: 'stay-down' }],
    [{ restart: 'always' }, 'idle', input, { kind: 'stay-down' }],
    [{ restart: 'always' }, 'reboot', input, { kind: 'stay-down', why: 'policy' }],
    [
      { wakePolicy: 'ephemeral', restart: 'always' },
      'self-close',
      input,
      { kind: 'stay-down', why: 'policy' },
    ],
    [{ wakePolicy: 'keep-alive' }, 'self-close', input, { kind: 'start', mode: 'fresh', afterMs: 1_000 }],
    [{ wakePolicy: 'keep-alive' }, 'crash', { ...input, inLoop: true }, { kind: 'crash-loop' }],
    [{}, 'crash', { ...input, inLoop: true }, { kind: 'crash-loop' }],
    [{ wakePolicy: 'keep-alive' }, 'crash', { ...input, desired: 'stopped' }, { kind: 'stay-down' }],
    [{}, 'stopped', { ...input, desired: 'restart' }, { kind: 'start', mode: 'fresh', afterMs: 0 }],
    [{ wakePolicy: 'keep-alive' }, 'stopped', input, { kind: 'stay-down' }],
    [{ wakePolicy: 'keep-alive' }, 'idle', input, { kind: 'stay-down' }],
    [
      { wakePolicy: 'ephemeral', restart: 'on-failure' },
      'crash',
      input,
      { kind: 'stay-down', why: 'policy' },
    ],
    [{ afterReboot: 'resume' }, 'reboot', input, { kind: 'start', mode: 'resume', afterMs: 0 }],
    [{ restart: 'on-failure' }, 'reboot', input, { kind: 'stay-down', why: 'policy' }],
  ] as const)('%j after %s', (policy, end, context, nextStep) => {
    expect(nextStepOf(policy, { end, ...context })).toEqual(nextStep)
  })

  it('waits from one second to five minutes, a quarter more or less, and never less after more restarts', () => {
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
    canResume: 'yes',
    orFresh: false,
    resumeAsked: false,
  }
  it.each([
    ['idle, by a person', {}, 'resume'],
    ['idle, by an agent about the same topic', { from: 'agent', topic: 'mail' }, 'resume'],
    ['idle, by an agent about another topic', { from: 'agent', topic: 'build' }, 'fresh'],
    ['idle, by an agent without a topic', { from: 'agent' }, 'fresh'],
    ['idle, and its conversation is gone', { canResume: 'no' }, 'refused'],
    ['idle, and its conversation is gone, or else a new one', { canResume: 'no', orFresh: true }, 'fresh'],
    ['idle, suspended by an earlier version', { canResume: 'unknown' }, 'fresh'],
    ['idle, about another topic, and it is gone', { from: 'agent', canResume: 'no' }, 'fresh'],
    ['after a crash', { lastEnd: 'crash' }, 'fresh'],
    ['after a crash, asked to resume', { lastEnd: 'crash', resumeAsked: true }, 'resume'],
    [
      'after a crash, asked to resume without a conversation',
      { lastEnd: 'crash', resumeAsked: true, canResume: 'unknown' },
      'refused',
    ],
    ['exited by itself', { lastEnd: 'self-close' }, 'fresh'],
    ['never ran', { lastEnd: undefined }, 'fresh'],
    ['attach', { from: 'attach', lastEnd: 'crash' }, 'resume'],
    ['attach without a conversation', { from: 'attach', canResume: 'no', orFresh: true }, 'refused'],
  ] as const)('%s', (_what, changes, mode) => {
    expect(wakeMode({ ...facts, ...changes }).mode).toBe(mode)
  })
})

it('time in which the machine is suspended does not count as idle', () => {
  const clock = createSleepClock({ wallMs: 0, monotonicMs: 0 })
  clock.note(60_000, 60_000)
  expect(clock.awakeMsSince(10_000)).toBe(50_000)
  clock.note(3_660_000, 61_000)
  expect(clock.awakeMsSince(10_000)).toBe(51_000)
  expect(clock.awakeMsSince(3_660_000)).toBe(0)
})

it('an invalid setting is refused with its name', () => {
  expect(superviseSettings({}).tickSecs).toBe(60)
  expect(superviseSettings({ IAPEER_TICK_SECS: '0.5' }).tickSecs).toBe(0.5)
  for (const value of ['-1', 'soon', '0'])
    expect(() => superviseSettings({ IAPEER_CRASHLOOP_MAX: value })).toThrow(/IAPEER_CRASHLOOP_MAX/)
})

describe('an agent that could not answer is not restarted into the same wall', () => {
  const context = { desired: 'none', restarts: 0, inLoop: false, chance: 0.5 } as const
  const waitOf = (mute: MuteCause | undefined, end: 'crash' | 'reboot' = 'crash') => {
    const next = nextStepOf({ restart: 'on-failure', afterReboot: 'restart' }, { ...context, end, mute })
    return next.kind === 'start' ? next.afterMs / 1_000 : undefined
  }
  it.each([
    [undefined, 1],
    ['rate-limit', 300],
    ['quota', 1_800],
    ['authentication', 1_800],
    ['overload', 120],
    ['server', 60],
    ['model', 1_800],
    ['network', 60],
    ['request', 1],
    ['other', 1],
  ] as const)('%s: the restart waits %d s', (mute, secs) => {
    expect(waitOf(mute)).toBe(secs)
  })

  it('after a reboot it is started at once', () => {
    expect(waitOf('quota', 'reboot')).toBe(0)
  })

  it('a longer back-off stays', () => {
    const next = nextStepOf(
      { restart: 'on-failure' },
      { ...context, end: 'crash', mute: 'server', restarts: 20 },
    )
    expect(next).toMatchObject({ afterMs: 300_000 })
  })
})
