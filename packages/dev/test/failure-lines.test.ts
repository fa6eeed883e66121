import { expect, it } from 'vitest'

const SCRIPT = new URL('../scripts/failure-lines.mjs', import.meta.url)
const { failureLines } = await import(SCRIPT.href)

const linesOf = (...output: readonly string[]): readonly string[] => {
  const found = failureLines()
  for (const line of output) found.read(line)
  return found.lines()
}

it('the end of a test run repeats a failed test, an error outside of tests and what was left behind', () => {
  expect(
    linesOf(
      '@iapeer/core:test:  ✓  core  test/a.test.ts (3 tests) 12ms',
      '@iapeer/core:test: \u001b[31m FAIL \u001b[39m core test/b.test.ts > adds',
      '@iapeer/core:test: AssertionError: expected 1 to be 2',
      '@iapeer/tmux:test: ⎯⎯⎯ Unhandled Rejection ⎯⎯⎯',
      '@iapeer/cli:test: Error: the tests left behind:',
      '@iapeer/cli:test:   process 4711 tmux -S /tmp/iapt-x/s',
      '@iapeer/cli:test:   file /tmp/iapt-x/home/.codex',
      '@iapeer/cli#test: command (/work/apps/cli) exited (1)',
      '@iapeer/core:test:     ✓ prints an error: what, where and what to do',
    ),
  ).toEqual([
    '@iapeer/core:test:  FAIL  core test/b.test.ts > adds',
    '@iapeer/core:test: AssertionError: expected 1 to be 2',
    '@iapeer/tmux:test: ⎯⎯⎯ Unhandled Rejection ⎯⎯⎯',
    '@iapeer/cli:test: Error: the tests left behind:',
    '@iapeer/cli:test:   process 4711 tmux -S /tmp/iapt-x/s',
    '@iapeer/cli:test:   file /tmp/iapt-x/home/.codex',
    '@iapeer/cli#test: command (/work/apps/cli) exited (1)',
  ])
})

it('a line that is printed twice is repeated once, and not more than forty are', () => {
  expect(linesOf('@iapeer/a:test: Error: no', '@iapeer/a:test: Error: no')).toHaveLength(1)
  expect(linesOf(...Array.from({ length: 99 }, (_, at) => `@iapeer/a:test: Error: ${at}`))).toHaveLength(40)
})
