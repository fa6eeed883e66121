import { describe, expect, it } from 'vitest'
import { fieldsOf, list, number, parseFields, parseJson, text, word } from '../src/codec/json-fields.ts'

const VALUES = ['a', '', 7, 0, true, null, undefined, ['a'], { a: 1 }] as const

describe('the fields of a value from outside', () => {
  it('are those of an object, a copy of them', () => {
    const value = { a: 1, b: [2] }
    expect(fieldsOf(value)).toEqual(value)
    expect(fieldsOf(value)).not.toBe(value)
  })

  it.each([['a'], [7], [true], [null], [undefined]])('are none for %j', (value) => {
    expect(fieldsOf(value)).toEqual({})
  })

  it('have the type that is asked for, or are undefined', () => {
    expect(VALUES.map(text).filter((value) => value !== undefined)).toEqual(['a', ''])
    expect(VALUES.map(number).filter((value) => value !== undefined)).toEqual([7, 0])
    expect(VALUES.map(list)).toEqual([[], [], [], [], [], [], [], ['a'], []])
  })

  it('are one of the words that are expected, or undefined', () => {
    expect(['guard', 'watch', 'none', 7, undefined].map((value) => word(value, ['guard', 'watch']))).toEqual([
      'guard',
      'watch',
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('a text of JSON', () => {
  it('is the value that it says, and undefined where it is not JSON', () => {
    expect(['7', 'null', '"a"', '{"a":1}', '', '{', 'undefined'].map(parseJson)).toEqual([
      7,
      null,
      'a',
      { a: 1 },
      undefined,
      undefined,
      undefined,
    ])
  })

  it('has fields where it is an object, a list among them, and undefined otherwise', () => {
    expect(['{"a":1}', '{}', '["a"]', '7', 'null', '{'].map(parseFields)).toEqual([
      { a: 1 },
      {},
      { 0: 'a' },
      undefined,
      undefined,
      undefined,
    ])
  })
})
