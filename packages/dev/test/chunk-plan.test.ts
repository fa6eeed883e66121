import { expect, it } from 'vitest'
import { type Piece, planChunks } from '../src/chunk-plan.ts'

const entry = (name: string, ...imports: string[]): Piece => ({ name, bytes: 1_000, imports, isEntry: true })
const shared = (name: string, bytes: number, ...imports: string[]): Piece => ({
  name,
  bytes,
  imports,
  isEntry: false,
})

/** Returns the files with several pieces, sorted. */
const joined = (pieces: readonly Piece[], first = 'main'): string[] =>
  planChunks(pieces, first)
    .filter((names) => names.length > 1)
    .map((names) => [...names].sort().join(' '))
    .sort()

it('small pieces that the same entries load become one file', () => {
  const pieces = [entry('main'), entry('one', 'a', 'b'), entry('two', 'a', 'b')]
  expect(joined([...pieces, shared('a', 500), shared('b', 900_000)])).toEqual(['a b'])
})

it('a large piece stays apart from one that other entries load', () => {
  const pieces = [entry('main'), entry('one', 'a'), entry('two', 'a', 'b'), entry('three', 'b')]
  expect(joined([...pieces, shared('a', 90_000), shared('b', 90_000)])).toEqual([])
})

it('a small piece that few entries do not need is joined to what most of them load', () => {
  const pieces = [entry('main'), entry('one', 'a', 'b'), entry('two', 'a', 'b'), entry('three', 'a')]
  expect(joined([...pieces, shared('a', 50_000), shared('b', 300)])).toEqual(['a b'])
})

it('what the first entry loads counts as loaded by every entry', () => {
  const pieces = [entry('main', 'a'), entry('one', 'b'), entry('two', 'b')]
  expect(joined([...pieces, shared('a', 50_000), shared('b', 300)])).toEqual(['a b'])
})

it('an entry keeps a file of its own', () => {
  expect(joined([entry('main', 'one', 'a'), entry('one', 'a'), shared('a', 10)])).toEqual([])
})

it('pieces are not joined if a file would import a file that imports it', () => {
  const pieces = [entry('main'), entry('one', 'a'), entry('two', 'a'), entry('between', 'b')]
  const apart = [shared('a', 10, 'between'), shared('b', 10)]
  expect(joined([...pieces, ...apart])).toEqual([])
})
