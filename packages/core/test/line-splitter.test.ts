import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LineSplitter } from '../src/async/index.ts'

const split = (chunks: readonly string[], limit: number): string[] => {
  const splitter = new LineSplitter(limit)
  return chunks.flatMap((chunk) => splitter.push(chunk))
}

it('returns the same lines for any chunks, each cut at the limit', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 60 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), fc.integer({ min: 1, max: 8 }), (whole, cuts, limit) => {
      const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length]
      const chunks = at.slice(1).map((to, index) => whole.slice(at[index], to))
      const lines = whole.split('\n')
      const rest = lines.pop() ?? ''
      const expected = [...lines, ...(rest.length >= limit ? [rest] : [])].map((line) => line.slice(0, limit))
      expect(split(chunks, limit)).toEqual(expected)
    }),
  )
})

it('holds no more than the limit of a line without an end', () => {
  const splitter = new LineSplitter(1_000)
  const before = process.memoryUsage().heapUsed
  let lines = 0
  for (let count = 0; count < 2_000; count++) lines += splitter.push('x'.repeat(100_000)).length
  expect(lines).toBe(1)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000)
  expect(splitter.push('\nnext\n')).toEqual(['next'])
})
