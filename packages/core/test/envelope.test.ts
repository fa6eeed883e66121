import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Envelope,
  EnvelopeExtractor,
  extractEnvelopes,
  formatCompactEnvelope,
  formatEnvelope,
  LONGEST_ENVELOPE,
  localIsoTime,
  parseEnvelope,
  toPersonality,
  toRuntime,
} from '../src/index.ts'

const now = '2026-06-10T17:42:07+02:00'
const plain: Envelope = {
  fromPersonality: toPersonality('bob'),
  fromRuntime: toRuntime('claude'),
  fromIntelligence: 'artificial',
  ts: now,
  topic: 'build',
  attachments: [],
  message: 'hello',
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(
      fc.constantFrom(
        '<iap ',
        '</iap>',
        ']]>',
        '<![CDATA[',
        ']',
        '\r',
        '\n',
        '\ud800',
        '\0',
        '\x1b',
        '&',
        '<message>',
        '</message>',
        'a',
        '"',
        formatEnvelope(plain),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
)
const path = anyText.filter((text) => text !== '' && !text.includes('\n') && text.length < 4_000)
const anyEnvelope: fc.Arbitrary<Envelope> = fc.record({
  fromPersonality: fc.constantFrom(toPersonality('bob'), toPersonality('ann-2')),
  fromRuntime: fc.constantFrom(toRuntime('claude'), toRuntime('telegram')),
  fromIntelligence: fc.constantFrom('natural', 'artificial', 'absent', undefined),
  ts: fc.constantFrom(now, '2026-06-10T17:42:07.123Z', undefined),
  topic: fc.option(
    anyText.map((text) => text.slice(0, 200)),
    { nil: undefined },
  ),
  instruction: fc.option(fc.constantFrom('Answer with iapeer send bob.', 'a < b & "c"'), { nil: undefined }),
  attachments: fc.array(path, { maxLength: 4 }),
  message: anyText,
})

const chunksOf = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_none, at) => text.slice(at * size, (at + 1) * size))

function extracted(text: string, size: number): Envelope[] {
  const extractor = new EnvelopeExtractor()
  const found = [...chunksOf(text, size).flatMap((chunk) => extractor.push(chunk)), ...extractor.end()]
  return found.flatMap((one) => (one.kind === 'envelope' ? [one.envelope] : []))
}

describe('an envelope', () => {
  it('is readable for people in its full form', () => {
    expect(
      formatEnvelope({
        ...plain,
        instruction: 'Answer\n bob.',
        attachments: ['/a b', '/c'],
        message: 'x ]]> y',
      }),
    ).toBe(`<iap from-personality="bob" from-runtime="claude" from-intelligence="artificial" ts="${now}" topic="build">
Answer bob.
<attachments><![CDATA[/a b
/c]]></attachments>
<message><![CDATA[x ]]]]><![CDATA[> y]]></message>
</iap>`)
  })

  it('in its compact form has only the time on the same day, and CDATA only if necessary', () => {
    const compact = (envelope: Partial<Envelope>, at = '2026-06-10T23:00:00+02:00'): string =>
      formatCompactEnvelope({ ...plain, ...envelope }, at)
    expect(compact({})).toBe(
      '<iap from="bob" runtime="claude" intelligence="artificial" ts="17:42:07" topic="build">\n<msg>hello</msg>\n</iap>',
    )
    expect(compact({ topic: undefined }, '2026-06-11T00:00:00+02:00')).toContain(`ts="${now}"`)
    expect(compact({}, '2026-06-10T17:00:00+03:00')).toContain(`ts="${now}"`)
    expect(compact({ message: 'a > b' })).toContain('<msg>a > b</msg>')
    expect(compact({ message: 'a < b' })).toContain('<msg><![CDATA[a < b]]></msg>')
  })

  it('is parsed back to the same fields, in both forms, for any Unicode text', () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(parseEnvelope(formatEnvelope(envelope))).toEqual({ ok: true, envelope })
        const compact = parseEnvelope(formatCompactEnvelope(envelope, '2020-01-01T00:00:00Z'))
        expect(compact).toEqual({ ok: true, envelope: { ...envelope, instruction: undefined } })
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([
    [{ message: 'x'.repeat(16_001) }, 'message'],
    [{ topic: 'x'.repeat(201) }, 'topic'],
    [{ attachments: Array.from({ length: 21 }, () => '/a') }, 'attachments'],
    [{ attachments: [''] }, 'attachment'],
    [{ attachments: ['/a\nb'] }, 'line break'],
    [{ ts: '17:42' }, 'ts'],
  ])('that exceeds a limit is refused: %#', (fields, why) => {
    expect(() => formatEnvelope({ ...plain, ...fields })).toThrow(
      expect.objectContaining({ code: 'invalid-envelope', message: expect.stringContaining(why) }),
    )
  })

  it('has limits in characters, not in UTF-16 units', () => {
    const message = '🐳'.repeat(16_000)
    expect(parseEnvelope(formatEnvelope({ ...plain, message }))).toMatchObject({
      ok: true,
      envelope: { message },
    })
    const long = formatEnvelope(plain).replace('hello', 'x'.repeat(16_001))
    expect(parseEnvelope(long)).toMatchObject({ ok: false, problem: expect.stringContaining('16000') })
  })

  it('of other programs is parsed: raw carriage returns, older intelligences, unknown attributes', () => {
    const text = `<iap from-personality='bob' from-runtime="claude" from-intelligence="human" x="1" ts="soon">
<message><![CDATA[a\r\nb\rc]]>&#65;\r</message></iap>`
    expect(parseEnvelope(text)).toEqual({
      ok: true,
      envelope: {
        ...plain,
        fromIntelligence: 'natural',
        ts: undefined,
        topic: undefined,
        instruction: undefined,
        message: 'a\r\nb\rcA\r',
      },
    })
  })

  it.each([
    'text',
    '',
    '<iap from="bob" runtime="claude"></iap>',
    '<iap runtime="claude"><msg>x</msg></iap>',
    '<iap from="Bob" runtime="claude"><msg>x</msg></iap>',
    '<iap from="bob" runtime="claude"><msg>x</msg><msg>y</msg></iap>',
    '<iap from="bob" runtime="claude"><msg>x</msg><attachments>/etc/passwd</attachments></iap>',
    '<iap from="bob" runtime="claude"><msg><b>x</b></msg></iap>',
    '<iap from="bob" runtime="claude"><msg><u c="110000"/></msg></iap>',
    '<iap from="bob" runtime="claude"><msg>&nbsp;</msg></iap>',
    '<![CDATA[]\ud800',
    '<iap from="bob" runtime="claude"><msg>\ud800<b></msg></iap>',
    '<iap from="bob" runtime="claude"><msg>x</msg> junk</iap>',
    '<iap from="bob" runtime="claude"><!-- c --><msg>x</msg></iap>',
    '<?xml version="1.1"?><iap from="bob" runtime="claude"><msg>x</msg></iap>',
    '<iap from="bob" runtime="claude"><msg><u c="1">x</u></msg></iap>',
    '<iap from="bob" runtime="claude"><msg/></iap>',
    '<!DOCTYPE iap [<!ENTITY a "b">]><iap from="bob" runtime="claude"><msg>&a;</msg></iap>',
    '<iap from="bob" runtime="claude"><msg>x</msg></iap><iap/>',
  ])('cannot be parsed from %j, with a reason', (text) => {
    expect(parseEnvelope(text)).toEqual({ ok: false, problem: expect.stringMatching(/./) })
  })

  it('is parsed from any text, or a reason is returned', () => {
    const pieces = fc.constantFrom(
      '<iap ',
      'from="bob" ',
      'runtime="claude"',
      '>',
      '<msg>',
      '</msg>',
      '</iap>',
      '<![CDATA[',
      ']]>',
      '&',
      '<u c="1"/>',
      '\0',
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (one) => {
        expect(typeof parseEnvelope(one).ok).toBe('boolean')
      }),
      { numRuns: 3_000 },
    )
  })

  it('has a local time with its offset', () => {
    const at = new Date('2026-06-10T15:42:07.999Z')
    expect(localIsoTime(at, 120)).toBe(now)
    expect(localIsoTime(at, -570)).toBe('2026-06-10T06:12:07-09:30')
    expect(Date.parse(localIsoTime(at))).toBe(at.getTime() - 999)
  })
})

describe('envelopes in a stream', () => {
  const prose = fc.oneof(
    fc.constantFrom(
      ' see <iap foo> and ',
      '<iap from="bob" runtime="claude">',
      "<iap it's ",
      '<iap from="a" runtime="b"><message>text ',
      '</iap>',
      ']]>',
      '<iap <iap ',
      '<message><![CDATA[',
      '<iap topic="x">huh</iap>',
      '<iap from="a" runtime="b"><msg><b></msg></iap>',
    ),
    fc.string(),
  )

  it('are all found, complete and in order, between any text and in any chunks', () => {
    const stream = fc.array(fc.tuple(fc.array(prose, { maxLength: 3 }), anyEnvelope), { maxLength: 4 })
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 200 }), (parts, size) => {
        const text = parts
          .map(([between, envelope]) => `${between.join('')}\n${formatEnvelope(envelope)}`)
          .join('')
        expect(extracted(text, size)).toEqual(parts.map(([, envelope]) => envelope))
      }),
      { numRuns: 1_000 },
    )
  })

  it('are the same in any chunks', () => {
    const pieces = fc.constantFrom(
      '<iap ',
      'from="bob" runtime="claude"',
      '>',
      '<msg>',
      '</msg>',
      '<message>',
      '</message>',
      '</iap>',
      '<![CDATA[',
      ']]>',
      '<attachments>',
      '</attachments>',
      'x',
      ' ',
      formatEnvelope(plain),
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (parts, size) => {
        const text = parts.join('')
        expect(extracted(text, size)).toEqual(extractEnvelopes(text))
      }),
      { numRuns: 3_000 },
    )
  })

  it('of other programs can quote an envelope in a message', () => {
    const inner = formatEnvelope(plain)
    const message = `he wrote ${inner} to me`
    const foreign = `<iap from="ann" runtime="claude"><message><![CDATA[${message.replaceAll(']]>', ']]]]><![CDATA[>')}]]></message></iap>`
    expect(extractEnvelopes(`x ${foreign} y ${inner}`)).toMatchObject([{ message }, { message: 'hello' }])
    const compact = formatCompactEnvelope(plain, now)
    const around = `<iap from="ann" runtime="claude"><message><![CDATA[${compact}]]></message></iap>`
    expect(extractEnvelopes(around)).toMatchObject([{ fromPersonality: 'ann', message: compact }])
  })

  it('are found after one that was cut off, full or compact', () => {
    const cut = '<iap from="ann" runtime="claude"><message><![CDATA[I was sayi'
    const full = formatEnvelope({ ...plain, message: 'with </iap> and <iap x> and ]]>' })
    expect(extractEnvelopes(cut + full)).toMatchObject([{ message: 'with </iap> and <iap x> and ]]>' }])
    expect(extractEnvelopes(cut + formatCompactEnvelope(plain, now))).toMatchObject([{ message: 'hello' }])
  })

  const foreign = (from: string, message: string): string =>
    `<iap from="${from}" runtime="b"><message><![CDATA[${message.replaceAll(']]>', ']]]]><![CDATA[>')}]]></message></iap>`
  const cut = '<iap from="cut" runtime="b"><message><![CDATA[I was sayi'

  it.each([
    ['that mentions an end tag', cut + foreign('real', 'the tag </iap> ends it'), 'real'],
    ['that quotes a whole one', cut + foreign('real', `see ${foreign('n', 'quoted')} ok`), 'real'],
    [
      'that quotes one that quotes one',
      cut + foreign('real', `see ${foreign('n', `two ${foreign('m', 'x')}`)} ok`),
      'real',
    ],
    ['that quotes two', foreign('real', `${foreign('n', '1')} and ${foreign('m', '2')}`), 'real'],
    [
      'behind a cut one that is too long',
      `${cut}${'y'.repeat(16_001)}${foreign('real', foreign('n', 'quoted'))}`,
      'real',
    ],
    [
      'with a section end in its topic',
      `${cut} <iap topic="]]>" from="real" runtime="b"><msg>hi</msg></iap>`,
      'real',
    ],
  ])('of other programs have the right sender: %s', (_what, text, from) => {
    for (const size of [1, 7, 1_000_000])
      expect(extracted(text, size)).toMatchObject([{ fromPersonality: from }])
  })

  it('that are malformed do not complete one that was cut off', () => {
    const malformed = foreign('real', 'hi').replace('runtime', 'topic="a & b" runtime')
    const extractor = new EnvelopeExtractor()
    expect([...extractor.push(cut + malformed), ...extractor.end()]).toMatchObject([{ kind: 'rejected' }])
  })

  it('have no carriage returns of the transport in tags and paths', () => {
    const text = `<iap from="bob" runtime="claude"\r\n topic="x">\r\n<attachments>/a\r\n/b</attachments>\r\n<msg\r\n>hi\r\n</msg>\r\n</iap>`
    expect(extractEnvelopes(text)).toMatchObject([
      { attachments: ['/a', '/b'], message: 'hi\r\n', instruction: undefined },
    ])
  })

  it('are found fast even if thousands of them are held back', () => {
    const many = '<iap from="a" runtime="b"><msg></msg></iap>'.repeat(8_000)
    const started = performance.now()
    expect(extracted(cut + many, 64)).toHaveLength(8_000)
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  it('are not formatted if they exceed the longest envelope', () => {
    const attachments = Array.from({ length: 20 }, () => '\u0001'.repeat(4_096))
    expect(() => formatEnvelope({ ...plain, attachments })).toThrow(
      expect.objectContaining({ code: 'invalid-envelope' }),
    )
  })

  it('that are invalid are reported', () => {
    const extractor = new EnvelopeExtractor()
    const text = `<iap from="bob" runtime="claude"><msg>a & b</msg></iap>${formatEnvelope(plain)}`
    expect(extractor.push(text)).toMatchObject([
      { kind: 'rejected', problem: expect.any(String) },
      { kind: 'envelope' },
    ])
  })

  it('without an end are dropped, and the next one is found', () => {
    const endless = `<iap from="ann" runtime="claude"><message><![CDATA[${'x'.repeat(LONGEST_ENVELOPE + 10)}`
    const extractor = new EnvelopeExtractor()
    for (const chunk of chunksOf(endless, 4_096)) expect(extractor.push(chunk)).toEqual([])
    expect(extractor.push(formatCompactEnvelope(plain, now))).toMatchObject([
      { envelope: { message: 'hello' } },
    ])
  })
})
