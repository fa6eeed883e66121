import { describe, expect, it } from 'vitest'
import {
  describeError,
  ERROR_CATALOGUE,
  ERROR_KINDS,
  ERROR_SECTIONS,
  EXIT_CODES,
  exitCodeOf,
  httpStatusOf,
} from '../src/errors/catalogue/index.ts'
import { IapeerError, receivedCode } from '../src/errors/index.ts'
import { textsOfRepository } from './support.ts'

const codes = Object.keys(ERROR_CATALOGUE)

/**
 * Tests whether a source throws a code: `code: '<code>'`, the first argument of a function `refuse`, the last value of a
 * conditional expression, or the first element of a tuple in a table. A comparison, a type or a list of codes does not count.
 */
const isThrownIn = (source: string, code: string): boolean =>
  new RegExp(`(?:\\bcode: |\\brefuse\\(\\s*| : |: \\[)'${code}'`).test(source)

describe('the catalogue of errors', () => {
  it('has each code once', () => {
    const all = ERROR_SECTIONS.flatMap(({ errors }) => Object.keys(errors))
    expect(all.sort()).toEqual([...codes].sort())
    expect(codes.length).toBeGreaterThan(90)
  })

  it('explains each code in whole sentences', () => {
    const texts = Object.values(ERROR_CATALOGUE).flatMap(({ summary, hint }) => [summary, hint ?? 'None.'])
    expect(
      texts.filter((text) => !/^[A-Z`"].*[.`]$/.test(text) && !/^(iapeer|tmux) .*\.$/.test(text)),
    ).toEqual([])
  })

  it('has no code that nothing throws', () => {
    const sources = textsOfRepository(/^(packages|apps)\/(?!dev\/)[^/]+\/src\/.*\.ts$/)
      .filter(({ path }) => !path.includes('/errors/catalogue/'))
      .map(({ text }) => text)
      .join('\n')
    expect(codes.filter((code) => !isThrownIn(sources, code))).toEqual([])
  })

  it.each([
    ["throw new IapeerError('x', { code: 'usage' })", true],
    ["refuse(\n  'usage',", true],
    ["isIapeerError(error) ? error.code : 'usage'", true],
    ["ERR: ['usage', 'x']", true],
    ["error.code === 'usage'", false],
    ["type Code = | 'usage'", false],
    ["CODES = [\n  'usage',", false],
  ])('%j counts as a throw: %j', (source, isThrown) => {
    expect(isThrownIn(source, 'usage')).toBe(isThrown)
  })

  it.each([
    // Programs rely on these exit codes and statuses.
    ['usage', 2, 400],
    ['invalid-identity', 2, 400],
    ['no-such-peer', 4, 404],
    ['no-such-death', 4, 404],
    ['not-running', 3, 409],
    ['daemon-unreachable', 5, 503],
    ['interrupted', 130, 503],
    ['lock-held', 1, 409],
    ['crash-loop', 1, 409],
    ['wrong-intelligence', 1, 422],
    ['runtime-undeclared', 2, 422],
    ['unauthorized', 1, 401],
    ['host-refused', 1, 403],
    ['not-found', 1, 404],
    ['method-not-allowed', 1, 405],
    ['request-timeout', 1, 408],
    ['body-too-large', 2, 413],
    ['unsupported-media-type', 1, 415],
    ['headers-too-large', 1, 431],
    ['disk-full', 1, 507],
    ['no-home', 1, 500],
    ['no-files', 1, 404],
    ['no-such-pane', 2, 404],

    ['unusable-name', 2, 400],
    ['invalid-path', 2, 400],
    ['invalid-options', 2, 400],
    ['bad-setting', 2, 500],
    ['socket-path-too-long', 2, 500],
  ] as const)('%s: exit code %i, HTTP %i', (code, exitCode, httpStatus) => {
    expect([exitCodeOf(code), httpStatusOf(code)]).toEqual([exitCode, httpStatus])
  })

  it('keeps a code of another version as it is, and treats it as a failure', () => {
    const error = new IapeerError('from elsewhere', { code: receivedCode('of-another-version') })
    expect(error.code).toBe('of-another-version')
    for (const code of [error.code, 'toString', '__proto__', ''])
      expect([describeError(code).kind, exitCodeOf(code), httpStatusOf(code)]).toEqual(['failed', 1, 500])
  })

  it('documents every exit code of a kind', () => {
    const documented: number[] = Object.values(EXIT_CODES).map(({ code }) => code)
    expect(documented).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130])
    for (const { exitCode } of Object.values(ERROR_KINDS)) expect(documented).toContain(exitCode)
  })
})
