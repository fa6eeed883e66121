import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import wrapAnsi from 'wrap-ansi'
import { cut } from '../src/cut.ts'
import { fill, wrap } from '../src/wrap.ts'

const red = (text: string) => `\u001b[31m${text}\u001b[39m`
const graphemes = (text: string) => [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment)

const SAMPLES = {
  ascii: 'the tmux server was killed by SIGKILL /a/path/that/is/longer/than/any/line/of/them',
  emoji: 'it 👩‍👩‍👧‍👦👩‍👩‍👧‍👦 ran 🏳️‍🌈 away 👍🏽👍🏽👍🏽👍🏽👍🏽👍🏽 to 🇳🇱🇯🇵🇳🇱🇯🇵 and 😀😀😀😀😀😀😀😀😀😀',
  cjk: '服务器 已经 死亡死亡死亡死亡死亡死亡死亡死亡死亡死亡死亡死亡死亡 した',
  combining: `e\u0301a\u0308\u0304 ${'o\u0302\u0323'.repeat(30)} n\u0303`,
  colours: `${red('a red beginning')} ${red('服务器👍🏽 that is long')} and \u001b[1m${'bold'.repeat(12)}\u001b[22m`,
}
const WIDTHS = Array.from({ length: 40 }, (_none, at) => at + 1)
const CASES = Object.entries(SAMPLES).flatMap(([name, text]) =>
  WIDTHS.map((width) => [name, width, text] as const),
)

/** Fails if a character or an escape sequence is cut, or if a style is not closed. */
function expectWhole(line: string): void {
  expect(line).not.toMatch(/\p{Cs}/u)
  expect(stripVTControlCharacters(line)).not.toMatch(/\p{Cc}|\[/u)
  const styles = line
    .split('\u001b[')
    .slice(1)
    .map((rest) => rest.slice(0, rest.indexOf('m')))
  const count = (codes: readonly string[]) => styles.filter((code) => codes.includes(code)).length
  expect(count(['39', '22'])).toBe(count(['31', '1']))
}

describe('a text at a width', () => {
  it.each(CASES)('%s, cut to %i columns, is its beginning', (_name, width, text) => {
    const line = cut(text, width)
    expectWhole(line)
    expect(stringWidth(line)).toBeLessThanOrEqual(width)
    const bare = stripVTControlCharacters(text)
    const kept = stripVTControlCharacters(line)
    if (stringWidth(bare) <= width) return expect(line).toBe(text)
    expect(kept.endsWith('…')).toBe(true)
    const whole = graphemes(kept.slice(0, -1))
    expect(whole).toEqual(graphemes(bare).slice(0, whole.length))
    // At most one column stays empty: where a wide character would have crossed the edge.
    expect(stringWidth(kept)).toBeGreaterThanOrEqual(width - 1)
  })

  it.each(CASES)('%s, wrapped at %i columns, loses nothing', (_name, width, text) => {
    const lines = wrap(text, width)
    for (const line of lines) {
      expectWhole(line)
      // A terminal of one column has no room for a wide character.
      expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(width, 2))
    }
    const all = (words: string) => graphemes(stripVTControlCharacters(words).replaceAll(' ', '').normalize())
    expect(lines.flatMap(all)).toEqual(all(text))
  })

  it('words that fit are not broken', () => {
    expect(wrap('the tmux server was killed by SIGKILL', 11)).toEqual([
      'the tmux',
      'server was',
      'killed by',
      'SIGKILL',
    ])
  })
})

it.each([
  '',
  ' ',
  '  a b  ',
  'a',
  'a b',
  'a  b',
  'a\tb',
  'a\nb',
  ' a\n b ',
  'abcdefgh',
  'ab cdefg',
  'é',
  '服务器',
  red('ab'),
])('%j becomes what the library makes of it, at each width: short lines are broken without it', (text) => {
  for (let width = 1; width <= 12; width++) {
    expect(wrap(text, width)).toEqual(wrapAnsi(text, width, { hard: true }).split('\n'))
    expect(fill(text, width)).toEqual(wrapAnsi(text, width, { hard: true, wordWrap: false }).split('\n'))
  }
})
