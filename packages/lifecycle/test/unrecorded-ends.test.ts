import { toIdentity } from '@iapeer/core/identity'
import { expect, it } from 'vitest'
import type { PeerSession } from '../src/sessions/index.ts'
import { UnrecordedEnds } from '../src/supervise/unrecorded-ends.ts'

const session = (gen: string): PeerSession => ({
  ...{ identity: toIdentity('command-bob'), gen, socketPath: '/s' },
  ...{ server: { pid: 1, token: '1' }, leader: { pid: 2, token: '1' }, sessionId: '$0', paneId: '%0' },
  ...{ startedAt: '2026-06-10T15:42:07.113Z', readyAt: undefined },
})

it('a session whose end is not recorded is tried again after longer and longer pauses, and settled after two minutes', () => {
  const ends = new UnrecordedEnds()
  const [one, other] = [session('0011223344556677'), session('0011223344556688')]
  const tried: number[] = []
  for (let nowMs = 0; !ends.isUrgent(one, nowMs); nowMs += 500) {
    if (!ends.isDue(one, nowMs)) continue
    tried.push(nowMs / 1_000)
    ends.note(one, nowMs)
  }
  expect(tried).toEqual([0, 1, 3, 7, 15, 30, 45, 60, 75, 90, 105])
  expect(ends.isUrgent(one, 119_999)).toBe(false)
  expect(ends.isUrgent(one, 120_000)).toBe(true)
  expect(ends.isDue(one, 120_000)).toBe(true)
  expect([ends.isDue(other, 0), ends.isUrgent(other, 1e9)]).toEqual([true, false])
  ends.forget(one)
  expect([ends.isDue(one, 0), ends.isUrgent(one, 1e9)]).toEqual([true, false])
})
