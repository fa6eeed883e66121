import { expect, it } from 'vitest'
import { judge } from '../src/index.ts'
import { cases } from './support.ts'

it.each(cases)('$name is judged as it was', ({ record, findings, expected }) => {
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
