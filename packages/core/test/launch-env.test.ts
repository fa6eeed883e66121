import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLaunchEnv, splitWords } from '../src/index.ts'

describe('launch.env', () => {
  it('has lines of KEY=VALUE, with export, comments and quotes; nothing is expanded or run', () => {
    const text = [
      '\ufeff# a comment',
      '',
      'A=1',
      '  export B=two words  # a comment',
      "C='$HOME `id` # \\n'",
      'D="a\\"b\\n\\\\" # c',
      'E=',
      'F=a#b',
      'G=$(id)',
      'H=#fff',
      'I="C:\\dir\u2028x"',
      `J=--p "Task # 1" a\\ #b # c`,
      'A=2\r',
    ].join('\n')
    expect({ ...parseLaunchEnv(text).env }).toEqual({
      A: '2',
      B: 'two words',
      C: '$HOME `id` # \\n',
      D: 'a"b\n\\',
      E: '',
      F: 'a#b',
      G: '$(id)',
      H: '#fff',
      I: 'C:\\dir\u2028x',
      J: '--p "Task # 1" a\\ #b',
    })
  })

  it.each([
    ['', { kind: 'unset' }],
    ['PEER_DISALLOWED_TOOLS=', { kind: 'none' }],
    ['PEER_DISALLOWED_TOOLS="  "', { kind: 'none' }],
    ['PEER_DISALLOWED_TOOLS="Bash(rm:*) Edit"', { kind: 'set', tools: 'Bash(rm:*) Edit' }],
  ])('%j sets the disallowed tools to %j', (text, tools) => {
    const parsed = parseLaunchEnv(text)
    expect(parsed.disallowedTools).toEqual(tools)
    expect(parsed.env).toEqual({})
  })

  it.each([
    ['', []],
    ['PEER_START_ARGS=', []],
    ['PEER_START_ARGS=--model opus', ['--model', 'opus']],
    [`PEER_START_ARGS="--a 'b c' d\\\\ e"`, ['--a', 'b c', 'd e']],
    [`PEER_START_ARGS='--x "" y'`, ['--x', '', 'y']],
  ])('%j sets the start arguments to %j', (text, words) => {
    expect(parseLaunchEnv(text).startArgs).toEqual(words)
  })

  it.each([
    ['A=1\nnonsense', 'line 2: not KEY=VALUE'],
    ['1A=x', 'line 1: not KEY=VALUE'],
    ['A ="x"', 'line 1: not KEY=VALUE'],
    ['\nA="x', 'line 2: the opening " has no closing "'],
    ['A= x', 'line 1: white space after ='],
    ["A='x'y", 'line 1: text after the closing quote'],
    ['A=\0', 'line 1: a NUL'],
    ["PEER_START_ARGS=a 'b", 'PEER_START_ARGS has a quote'],
  ])('%j is refused with the number of its line', (text, why) => {
    expect(() => parseLaunchEnv(text, '/h/launch.env')).toThrow(
      expect.objectContaining({
        code: 'invalid-launch-env',
        message: expect.stringContaining(why),
        hint: expect.any(String),
      }),
    )
    expect(() => parseLaunchEnv(text, '/h/launch.env')).toThrow(/^\/h\/launch\.env/)
  })

  it('parses any text to an environment or the same error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((one) => `A=${one}`),
        ),
        (text) => {
          try {
            for (const value of Object.values(parseLaunchEnv(text).env)) expect(value).not.toContain('\0')
          } catch (error) {
            expect(error).toMatchObject({ code: 'invalid-launch-env' })
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('parses long values fast', () => {
    expect(parseLaunchEnv(`A=a${' '.repeat(200_000)}b`).env['A']).toHaveLength(200_002)
    expect(parseLaunchEnv(`A="${'x'.repeat(9_000_000)}"`).env['A']).toHaveLength(9_000_000)
  })

  it.each([
    ['"\\d+"', ['\\d+']],
    ['"\\$x \\"y\\""', ['$x "y"']],
    ['a\u00a0b', ['a\u00a0b']],
    ["a\\ b 'c\\'", ['a b', 'c\\']],
  ])('%s is the words %j, as in a shell', (text, words) => {
    expect(splitWords(text)).toEqual(words)
  })

  it('splits quoted words back into the same words', () => {
    const word = fc.string({ unit: 'binary' })
    const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(splitWords(words.map(quoted).join(' '))).toEqual(words)
      }),
    )
  })
})
