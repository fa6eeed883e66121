import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatLogfmt, formatLogfmtValue, parseLogfmt } from '../src/codec/logfmt.ts'

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', '"', '\\', 'a=b', '\u2028', '\n ts=0'),
)
const anyKey = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,12}$/)

describe('logfmt', () => {
  it('is parsed back to the same fields, for any Unicode text and lone surrogates', () => {
    fc.assert(
      fc.property(fc.dictionary(anyKey, anyText, { noNullPrototype: true }), (input) => {
        const { fields, torn } = parseLogfmt(formatLogfmt(input))
        expect(torn).toBe(false)
        expect({ ...fields }).toEqual({ ...input })
      }),
      { numRuns: 1_000 },
    )
  })

  it('lets no value end its line or start another field', () => {
    fc.assert(
      fc.property(anyText, (value) => {
        const line = formatLogfmt({ a: value, z: 1 })
        expect(line).not.toMatch(/[\n\r\u0085\u2028\u2029]/)
        expect(Object.keys(parseLogfmt(line).fields)).toEqual(['a', 'z'])
      }),
    )
  })

  it.each([
    ['', ''],
    ['plain', 'plain'],
    ['two words', '"two words"'],
    ['say "hi"', '"say \\"hi\\""'],
    ['a=b', '"a=b"'],
    ['back\\slash', 'back\\slash'],
    ['back\\slash and blank', '"back\\\\slash and blank"'],
    ['line\nend\t', '"line\\nend\\t"'],
    ['carriage\r', '"carriage\\r"'],
    ['\u001b[0m', '"\\033[0m"'],
    ['é日', 'é日'],
  ])('writes %j as %s', (value, written) => {
    expect(formatLogfmtValue(value)).toBe(written)
  })

  it.each([
    ['a="\\101\\x41\\u0041"', { a: 'AAA' }],
    ['a="\\n\\r\\t\\q\\\\\\""', { a: '\n\r\tq\\"' }],
    ['\ta=1\t b=2', { a: '1', b: '2' }],
    ['a="\\ b"', { a: ' b' }],
    ['a= b=', { a: '', b: '' }],
    ['a="1"b=2', { a: '1', b: '2' }],
    ['word a=1 word', { a: '1' }],
    ['a=b=c', { a: 'b=c' }],
    ['', {}],
  ])('reads %j', (line, fields) => {
    const read = parseLogfmt(line)
    expect([{ ...read.fields }, read.torn]).toEqual([fields, false])
  })

  it.each([
    ['\u001f', '"\\037"'],
    ['\u007f', '"\\177"'],
    ['\u0080', '"\\u0080"'],
    ['\u2028\u2029', '"\\u2028\\u2029"'],
    ['\ud800', '"\\ud800"'],
  ])('writes %j, which must be escaped in a log, as %s', (value, written) => {
    expect(formatLogfmtValue(value)).toBe(written)
  })

  it('leaves out a field without a value, and writes numbers', () => {
    expect(formatLogfmt({ a: undefined, b: 0, 'c.d-e_1': 'x' })).toBe('b=0 c.d-e_1=x')
  })

  it('parses any text, and reports a line that was cut inside a value', () => {
    fc.assert(fc.property(anyText, (line) => typeof parseLogfmt(line).torn === 'boolean'))
    expect(parseLogfmt('a="b c').torn).toBe(true)
    expect(parseLogfmt('a="b\\').torn).toBe(true)
  })

  it('keeps the first of two equal keys, and lets no key change the prototype', () => {
    expect({ ...parseLogfmt('a=1 a=2 word __proto__=x =y').fields }).toEqual({ a: '1', ['__proto__']: 'x' })
    expect(Object.keys(parseLogfmt('a=1 a=2 word __proto__=x =y').fields)).toEqual(['a', '__proto__'])
  })

  it('throws for an invalid key', () => {
    for (const key of ['a b', '1a', '', 'a=', '.a', 'a\n'])
      expect(() => formatLogfmt({ [key]: 'x' })).toThrow(
        new RangeError(`not a logfmt key: ${JSON.stringify(key)}`),
      )
  })
})
