import type { PeerState } from '@iapeer/lifecycle/sessions'
import { expect, it } from 'vitest'
import { diedAtLaunch, nextLine } from '../src/commands/deaths/after-death.ts'
import { startAdvice } from '../src/commands/sessions/start-advice.ts'

/** For each state the commands of its advice, in their order. `start` refuses a peer in a crash loop. */
const STATES: readonly (readonly [PeerState, readonly string[]])[] = [
  ['running', ['attach']],
  ['managed', ['attach']],
  ['blocked', ['attach']],
  ['unresponsive', ['show']],
  ['stopped', ['start']],
  ['suspended', ['start']],
  ['exited', ['start']],
  ['failed', ['start']],
  ['not-running', ['start']],
  ['crash-loop', ['autopsy', 'reset', 'start']],
]

const commandsOf = (text: string): string[] =>
  [...text.matchAll(/iapeer (\w+) bob/g)].map(([, verb = '']) => verb)

it.each(STATES)(
  'the advice about a peer that is %s names commands that work in that state: %j',
  (state, commands) => {
    expect(commandsOf(startAdvice('bob', { state }))).toEqual(commands)
    expect(commandsOf(nextLine('bob', { state }))).toEqual(commands)
  },
)

it.each(STATES)(
  'while the crash loop of a peer that is %s is not reset, start is advised only after reset',
  (state, usual) => {
    const isHeld = state === 'stopped' || state === 'crash-loop'
    expect(commandsOf(startAdvice('bob', { state, isInLoop: true }))).toEqual(
      isHeld ? ['autopsy', 'reset', 'start'] : usual,
    )
  },
)

it('the advice about a peer with a planned start says when that is', () => {
  const nextStartAt = new Date(Date.now() + 3_500).toISOString()
  expect(startAdvice('bob', { state: 'failed', nextStartAt })).toBe(
    'The daemon starts it again in 4 s; iapeer start bob starts it now',
  )
})

it('the autopsy of a peer that runs again says so', () => {
  expect(nextLine('bob', { state: 'running' })).toBe(
    'It has been started again since. It is running: iapeer attach bob',
  )
})

const record = {
  ...{ id: 'command-bob-1f', ts: '2026-06-10T15:42:07.113Z', identity: 'command-bob', gen: '1f' },
  ...({ event: 'session-exit', exitCode: 0 } as const),
}
const event = (fields: Record<string, string>) => ({ ts: record.ts, ev: '', gen: '1f', ...fields })
const spawned = event({ ev: 'canary', state: 'spawned', origin: 'launch' })

it.each([
  [true, [spawned]],
  [true, [spawned, event({ ev: 'launch', gen: '2f' }), event({ ev: 'death' })]],
  [false, [spawned, event({ ev: 'launch' })]],
  [false, [spawned, event({ ev: 'blocked' })]],
  [false, []],
  [false, [event({ ev: 'canary', state: 'spawned', origin: 'retrofit' })]],
  [false, [event({ ev: 'canary', state: 'spawned', origin: 'launch', gen: '2f' })]],
])('that a program died at its launch is %s of the events %j', (expected, events) => {
  expect(diedAtLaunch(record, events)).toBe(expected)
})
