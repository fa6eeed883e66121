import { describe, expect, it } from 'vitest'
import { depthOf, isInTurn, SweepTurns } from '../src/supervise/sweep-turns.ts'

const session = (pid: number) =>
  ({ leader: { pid, token: '1' } }) as unknown as Parameters<typeof isInTurn>[0]

describe('the sessions that a sweep checks fully', () => {
  it('are all of them in a small fleet, in a sweep that something has woken, and in a thorough one', () => {
    const turns = new SweepTurns()
    expect(turns.next(250, false)).toMatchObject({ parts: 1 })
    expect(turns.next(5_000, true)).toMatchObject({ parts: 1 })
    expect(isInTurn(session(4_711), { parts: 1, part: 0 })).toBe(true)
  })

  it.each([
    ['one after the other', 1],
    ['with a regular distance', 4],
    ['with a distance of the number of parts times two', 8],
    ['far apart', 1_009],
  ])('are each of them once in a round, in parts of about the same size, with pids %s', (_what, distance) => {
    const turns = new SweepTurns()
    const sessions = Array.from({ length: 1_000 }, (_, at) => session(1_000 + at * distance))
    turns.next(sessions.length, true)
    const parts = Array.from({ length: 8 }, () => {
      const turn = turns.next(sessions.length, false)
      return sessions.filter((one) => isInTurn(one, turn))
    })
    expect(new Set(parts.flat()).size).toBe(1_000)
    expect(parts.flat()).toHaveLength(1_000)
    for (const part of parts) {
      expect(part.length).toBeGreaterThan(70)
      expect(part.length).toBeLessThan(190)
    }
  })

  it('and a session is looked at in at least every third sweep', () => {
    for (const count of [300, 400, 1_000]) {
      const turns = new SweepTurns()
      const sessions = Array.from({ length: count }, (_, at) => session(1_000 + 3 * at))
      const skipped = new Map<number, number>()
      for (let sweep = 0; sweep < 40; sweep++) {
        const turn = turns.next(count, false)
        for (const one of sessions) {
          const since = depthOf(one, turn) === 'skip' ? (skipped.get(one.leader.pid) ?? 0) + 1 : 0
          skipped.set(one.leader.pid, since)
          expect(since).toBeLessThan(3)
        }
      }
    }
  })
})

describe('until when all sessions ran', () => {
  const sweep = (turns: SweepTurns, sessions: number, isWhole: boolean, startedMs: number): number => {
    turns.done(turns.next(sessions, isWhole), startedMs)
    return turns.seenMs
  }

  it('is the last sweep of a small fleet', () => {
    const turns = new SweepTurns()
    expect(turns.seenMs).toBe(0)
    expect(sweep(turns, 10, false, 1_000)).toBe(1_000)
    expect(sweep(turns, 10, false, 2_000)).toBe(2_000)
  })

  it('is the first sweep of the last round of a large one', () => {
    const turns = new SweepTurns()
    expect(sweep(turns, 500, true, 1_000)).toBe(1_000)
    expect([2_000, 3_000, 4_000].map((at) => sweep(turns, 500, false, at))).toEqual([1_000, 1_000, 1_000])
    expect(sweep(turns, 500, false, 5_000)).toBe(2_000)
    expect(sweep(turns, 500, false, 6_000)).toBe(3_000)
    expect(sweep(turns, 500, true, 7_000)).toBe(7_000)
  })

  it('does not advance while the number of parts changes, because sessions change their part then', () => {
    const turns = new SweepTurns()
    expect(sweep(turns, 375, true, 1_000)).toBe(1_000)
    expect(sweep(turns, 375, false, 2_000)).toBe(1_000)
    expect(sweep(turns, 376, false, 3_000)).toBe(1_000)
    expect(sweep(turns, 376, false, 4_000)).toBe(1_000)
    expect([5_000, 6_000].map((at) => sweep(turns, 375, false, at))).toEqual([1_000, 1_000])
    expect(sweep(turns, 375, false, 7_000)).toBe(5_000)
  })
})
