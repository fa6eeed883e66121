import { expect, it } from 'vitest'
import { escapeNonAscii } from '../src/ascii.ts'

it('code keeps its meaning, and has ASCII only', () => {
  const code = 'export const found = [/^[❯›]\\s/.test("\\u276f x"), /·/.test("\\u00b7")] // — a comment'
  const escaped = escapeNonAscii(code)
  expect(escaped).toMatch(/^[\0-\x7f]*$/)
  expect(new Function(escaped.replace('export const found =', 'return'))()).toEqual([true, true])
})

it('a character of two units is refused', () => {
  expect(() => escapeNonAscii('/[😀]/u')).toThrow('beyond U+FFFF')
})
