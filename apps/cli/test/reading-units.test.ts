import { describe, expect, it } from 'vitest'
import { parseCount, parseSince } from '../src/commands/options.ts'
import { withHeadings } from '../src/commands/sessions/follow-log.ts'
import { cleanLine, logLines } from '../src/commands/sessions/log-lines.ts'
import { parseGrep } from '../src/grep.ts'
import { rowsOf } from '../src/long-output.ts'
import { pagerCommand } from '../src/pager.ts'
import { clockText } from '../src/times.ts'

const NOW = Date.parse('2026-06-10T15:42:07.000Z')
const same = (text: string) => text

describe('--since', () => {
  it.each([
    ['10m', NOW - 600_000],
    ['2h', NOW - 7_200_000],
    ['3d', NOW - 259_200_000],
    ['1w', NOW - 604_800_000],
    ['90s', NOW - 90_000],
    // What the commands print can be typed again.
    ['3 min ago', NOW - 180_000],
    ['2 days ago', NOW - 172_800_000],
    ['40 s', NOW - 40_000],
    ['2026-06-10T15:00Z', Date.parse('2026-06-10T15:00Z')],
    ['2026-06-10 15:00:30 UTC', Date.parse('2026-06-10T15:00:30Z')],
    ['2026-06-10T15:00+02:00', Date.parse('2026-06-10T13:00Z')],
    ['2026-06-10', new Date(2026, 5, 10).getTime()],
    ['2026-06-10 15:00', new Date(2026, 5, 10, 15).getTime()],
  ])('%j is a time', (text, ms) => {
    expect(parseSince(text, NOW)).toBe(ms)
  })

  it.each([
    '',
    'yesterday',
    '10',
    '10x',
    '-5m',
    '1.5h',
    '2026',
    '2026-02-31',
    '2026-06-10T25:00',
    '2026-06-10 noon',
    '10m ago ago',
  ])('%j is refused, and the error names what is allowed', (text) => {
    expect(() => parseSince(text, NOW)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringMatching(/10m, 2h, 3d .*2026-06-10/) }),
    )
  })
})

it.each(['few', '-1', '1.5', ''])('a count of %j is refused', (text) => {
  expect(() => parseCount('--tail', 'lines')(text)).toThrow(/invalid --tail .*: expected a number of lines/)
})

describe('--grep', () => {
  const found = (pattern: string, ...texts: string[]) => parseGrep(pattern)(texts, same)

  it.each([
    ['error', ['an ERROR', 'an error']],
    ['Error', []],
    ['ERROR', ['an ERROR']],
    // An upper-case letter in an escape does not count.
    ['a\\S? e', ['an ERROR', 'an error']],
    ['^an', ['an ERROR', 'an error']],
    ['\\-x', ['a-x']],
    ['', ['an ERROR', 'an error', 'a-x']],
  ])('%j selects %j', (pattern, texts) => {
    expect(found(pattern, 'an ERROR', 'an error', 'a-x')).toEqual(texts)
  })

  it.each(['(', '[a', '*', 'a{2,1}'])('%j is refused as a regular expression', (pattern) => {
    expect(() => parseGrep(pattern)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(JSON.stringify(pattern)) }),
    )
  })

  it('gives up on a pattern that backtracks for years', () => {
    const begun = performance.now()
    expect(() => found('^(a+)+$', `${'a'.repeat(60)}!`)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('takes too long') }),
    )
    expect(performance.now() - begun).toBeLessThan(20_000)
  })

  it('tests every one of many texts', () => {
    const texts = Array.from({ length: 100_000 }, (_none, at) => `line ${at}`)
    expect(found('7$', ...texts.slice(0, 20))).toEqual(['line 7', 'line 17'])
    expect(parseGrep('99999')(texts, same)).toEqual(['line 99999'])
  })
})

describe('the output of a terminal', () => {
  it.each([
    ['a progress that is overwritten', '10%\r20%\r100%', '100%'],
    ['a carriage return before the newline', 'done\r', 'done'],
    ['colours and a title', '\u001b]0;title\u0007\u001b[31mred\u001b[0m and\u001b[K plain', 'red and plain'],
    ['a bell and a backspace', 'a\u0007b\bc', 'abc'],
    ['a tab', 'a\tb', 'a\tb'],
    ['nothing', '', ''],
  ])('%s is shown as text', (_what, line, shown) => {
    expect(cleanLine(line, false)).toBe(shown)
  })

  it('keeps colours where they are wanted, and ends them with the line', () => {
    expect(cleanLine('\u001b[1;31mred\u001b[2K!', true)).toBe('\u001b[1;31mred!\u001b[0m')
    expect(cleanLine('plain\u001b[2K', true)).toBe('plain')
  })

  it('masks bearers, also where a colour begins within one or a piece ends within one', () => {
    const bearer = `iapb_${'aZ_-'.repeat(8)}`
    expect(cleanLine(`X=${bearer}!`, false)).toBe('X=iapb_***!')
    expect(cleanLine(`X=iapb_aZ\u001b[31m${bearer.slice(7)}!`, true)).toBe('X=iapb_***!')
    for (let at = 1; at < bearer.length; at++) {
      const format = withHeadings({})
      const pieces = [`hi X=${bearer.slice(0, at)}`, `${bearer.slice(at)} hi`]
      expect(pieces.map((piece) => format(piece, false)).join('') + format('', true)).toBe('hi X=iapb_*** hi')
    }
  })

  const linesOf = (...pieces: string[]) => {
    const lines = logLines()
    return [...pieces.flatMap((piece) => lines.push(piece)), ...lines.end()].map((line) =>
      cleanLine(line, false),
    )
  }

  it('has lines that end at newlines and where the cursor moves to another row', () => {
    expect(linesOf('one\r\n\r\ntwo\n', 'thr', 'ee')).toEqual(['one', '', 'two', 'three'])
    expect(linesOf('\u001b[H\u001b[2Jtop\u001b[2;1Htasks\u001b[3;1H\u001b[Kcpu\u001b[H\u001b[Jtop')).toEqual([
      'top',
      'tasks',
      'cpu',
      'top',
    ])
  })

  it('is the same wherever it is divided into pieces', () => {
    const text = 'a\u001b[31mred\u001b[0m\u001b]0;a title\u0007b\r\n\u001b[5;1Hc\n'
    for (let at = 0; at <= text.length; at++)
      expect(linesOf(text.slice(0, at), text.slice(at)), `at ${at}`).toEqual(['aredb', 'c'])
  })

  it('does not collect a line without an end, nor an escape sequence without one', () => {
    const lines = logLines()
    expect(lines.push('x'.repeat(70_000))).toHaveLength(1)
    expect(lines.push('x'.repeat(10))).toEqual([])
    const open = logLines()
    const all = [...open.push(`\u001b]${'y'.repeat(5_000)}`), ...open.push('\nnext\n'), ...open.end()]
    expect(all.at(-1)).toBe('next')
  })
})

it.each([
  [{}, 'less'],
  [{ PAGER: 'more' }, 'more'],
  [{ PAGER: 'more', IAPEER_PAGER: 'less -S' }, 'less -S'],
  [{ PAGER: '' }, undefined],
  [{ PAGER: 'cat' }, undefined],
  [{ PAGER: 'more', IAPEER_PAGER: 'cat' }, undefined],
  [{ PAGER: 'more', IAPEER_PAGER: '' }, undefined],
])('the pager with %j is %j', (env, command) => {
  expect(pagerCommand(env)).toBe(command)
})

it('rows of a terminal are counted with lines that are broken', () => {
  expect(rowsOf('one\ntwo\n', 10)).toBe(2)
  expect(rowsOf(`${'x'.repeat(21)}\n`, 10)).toBe(3)
  expect(rowsOf('\n\n', 10)).toBe(2)
  expect(rowsOf(`\u001b[31m${'x'.repeat(10)}\u001b[0m`, 10)).toBe(1)
})

it('a clock time has the date unless it is of today', () => {
  const iso = new Date(2026, 5, 10, 15, 42, 7).toISOString()
  expect(clockText(iso, { nowMs: new Date(2026, 5, 10, 23).getTime() })).toBe('15:42:07')
  expect(clockText(iso, { nowMs: new Date(2026, 5, 11, 1).getTime() })).toBe('2026-06-10 15:42:07')
})
