import { expect, it } from 'vitest'
import { jsonErrorText } from '../src/codec/json-error.ts'

it.each([
  ['{"a": 1', 'line 1, column 8): close brace expected: {"a": 1'],
  ['{\n  "a": 1,\n}', 'line 3, column 1): property name expected: }'],
  ['{\r\n  "a" 1\r\n}', 'line 2, column 7): colon expected: "a" 1'],
  ['[1, // one\n2]', 'line 1, column 5): invalid comment token: [1, // one'],
  ['', 'line 1, column 1): value expected: '],
  ['é é', 'line 1, column 1): invalid symbol: é é'],
])('%j is described with the place of its error', (text, expected) => {
  expect(() => JSON.parse(text)).toThrow(SyntaxError)
  expect(jsonErrorText(text, 'profile.json')).toBe(`profile.json is not JSON (${expected}`)
})

it('a long line is cut, and a text without an error has no place', () => {
  const text = `{"a": ${'x'.repeat(500)}}`
  expect(jsonErrorText(text, 'f')).toHaveLength(
    'f is not JSON (line 1, column 7): invalid symbol: '.length + 80,
  )
  expect(jsonErrorText('{}', 'f')).toBe('f is not JSON')
})
