import { expect, it } from 'vitest'
import { judge, parseSnapshot } from '../src/index.ts'
import { cases } from './support.ts'

it.each(cases)('$name gets the expected verdict', ({ record, findings, expected }) => {
  const judged = judge(record, findings)
  const { verdict, confidence, killer, summary, evidence } = judged
  expect({ verdict, confidence, pid: killer?.pid }).toEqual({
    verdict: expected.verdict,
    confidence: expected.confidence,
    pid: expected.killer?.pid,
  })
  expect(summary).not.toMatch(/undefined|\?|\{/)
  expect(evidence.length).toBeGreaterThan(0)
})

it('the summary is a single line, whatever the command contains', () => {
  const one = cases.find(({ name }) => name === 'signal-seen-sigkill-agent')
  if (one?.snapshotText === undefined) throw new Error('no such case')
  const text = one.snapshotText.replace(/sender_command="[^"]*"/, 'sender_command="python3 -c x\\ny\\033[2J"')
  const { summary } = judge(one.record, { snapshot: parseSnapshot(text) })
  expect(summary).toMatch(/from pid \d+ \(python3 -c x y \[2J\)/)
})
