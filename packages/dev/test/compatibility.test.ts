import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import pinned from '../src/agents/versions.json' with { type: 'json' }
import { asyncCleanups, privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'compatibility.mjs')
const RESULTS = join('packages', 'dev', 'compatibility', 'results.json')
/** A JSON report of vitest, as far as it is read. */
const REPORT = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 0, success: false }

const test = (status: string, ...tags: string[]) => ({ status, tags })
/** A report of tests of both agents, and of others. */
const AGENTS = {
  ...REPORT,
  testResults: [
    {
      status: 'failed',
      assertionResults: [
        test('passed', 'claude'),
        test('passed', 'claude', 'codex'),
        test('failed', 'codex'),
        test('skipped', 'claude'),
        test('passed'),
      ],
    },
    { status: 'passed', assertionResults: [test('passed'), test('skipped')] },
  ],
}
/** The same, of a host on which Codex is not installed. */
const WITHOUT_CODEX = {
  ...REPORT,
  testResults: [{ status: 'passed', assertionResults: [test('passed', 'claude'), test('skipped', 'codex')] }],
}

/** A repository with the results of this one. */
function repository() {
  const made = privateDirectory()
  track(made.remove)
  mkdirSync(join(made.path, 'packages', 'dev', 'compatibility'), { recursive: true })
  mkdirSync(join(made.path, 'docs'))
  cpSync(join(REPOSITORY, RESULTS), join(made.path, RESULTS))
  const report = (name: string, value: object): string => {
    writeFileSync(join(made.path, name), JSON.stringify(value))
    return join(made.path, name)
  }
  return {
    report,
    write: (...args: string[]) => run(process.execPath, [SCRIPT, '--root', made.path, ...args]),
    page: () => readFileSync(join(made.path, 'docs', 'compatibility.md'), 'utf8'),
    results: () => readFileSync(join(made.path, RESULTS), 'utf8'),
  }
}

const RUN = ['--system', 'Arch Linux', '--day', '2026-11-30']

it('the page is up to date, and has the versions that the tests install', async () => {
  expect(await run(process.execPath, [SCRIPT, '--check'])).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: '',
  })
  const page = readFileSync(join(REPOSITORY, 'docs', 'compatibility.md'), 'utf8')
  for (const version of [pinned.claude, pinned.codex]) expect(page).toContain(`\n| ${version} `)
})

it('a run becomes a row with the sums of its reports, newest version first, and replaces a run of that version', async () => {
  const { report, write, page, results } = repository()
  const reports = [
    report('a.json', REPORT),
    report('b.json', { ...REPORT, numFailedTests: 0, success: true }),
  ]
  const tmux = ['--program', 'tmux', '--version']
  expect(await write(...tmux, '3.10', ...RUN, ...reports)).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await write(...tmux, '3.5a', ...RUN, reports[1] ?? '')).toMatchObject({ exitCode: 0, stderr: '' })
  const [, section = ''] = page().split('## tmux')
  const versions = [...section.matchAll(/^\| (\d\S*) /gm)].map(([, version]) => version)
  expect(versions).toEqual(['3.10', '3.6', '3.5a', '3.4', '3.3a', '3.2a'])
  expect(section).toMatch(/^\| 3\.10 +\| 10 +\| 1 +\| 4 +\| Arch Linux +\| 2026-11-30 +\|$/m)
  expect(section).toMatch(/^\| 3\.5a +\| 5 +\| 0 +\| 2 /m)
  const before = results()
  expect(await write('--check')).toMatchObject({ exitCode: 0 })
  expect(results()).toBe(before)
})

it.each([
  [
    'a run without a test',
    { ...REPORT, numPassedTests: 0, numFailedTests: 0, success: true },
    'tmux',
    '3.6',
    /no test that ran/,
  ],
  [
    'an unknown program',
    REPORT,
    'screen',
    '5.0',
    /unknown program "screen": expected Claude Code, Codex, tmux/,
  ],
  ['a version that is missing', REPORT, 'tmux', '', /invalid version ""/],
])('%s is not added', async (_what, value, program, version, message) => {
  const { report, write, results } = repository()
  const before = results()
  const done = await write('--program', program, '--version', version, ...RUN, report('a.json', value))
  expect(done.exitCode).not.toBe(0)
  expect(done.stderr).toMatch(message)
  expect(results()).toBe(before)
})

it('a test file that cannot be loaded counts as failed', async () => {
  const { report, write, page } = repository()
  const ofTmux = report('a.json', { ...REPORT, numFailedTests: 0 })
  const unloaded = { status: 'failed', assertionResults: [] }
  const ofAgents = report('b.json', { ...AGENTS, testResults: [...AGENTS.testResults, unloaded] })
  for (const args of [
    ['--program', 'tmux', '--version', '9.0', ...RUN, ofTmux],
    ['--program', 'Codex', '--version', '9.0.0', ...RUN, ofAgents],
  ])
    expect(await write(...args)).toMatchObject({ exitCode: 0 })
  expect(page()).toMatch(/^\| 9\.0 +\| 5 +\| 1 /m)
  expect(page()).toMatch(/^\| 9\.0\.0 +\| 1 +\| 2 /m)
})

it('the row of an agent counts the tests that run it, and no others', async () => {
  const { report, write, page } = repository()
  const path = report('a.json', AGENTS)
  for (const [program, version] of [
    ['Claude Code', '9.1.0'],
    ['Codex', '9.2.0'],
  ] as const)
    expect(await write('--program', program, '--version', version, ...RUN, path)).toMatchObject({
      exitCode: 0,
    })
  expect(page()).toMatch(/^\| 9\.1\.0 +\| 2 +\| 0 +\| 1 /m)
  expect(page()).toMatch(/^\| 9\.2\.0 +\| 1 +\| 1 +\| 0 /m)
})

it('an agent whose tests were skipped gets no row, and fails a run that expects it', async () => {
  const { report, write, results } = repository()
  const before = results()
  const path = report('a.json', WITHOUT_CODEX)
  const row = await write('--program', 'Codex', '--version', '9.0.0', ...RUN, path)
  const expected = await write('--expect', 'Claude Code', '--expect', 'Codex', path)
  for (const { exitCode, stderr } of [row, expected]) {
    expect(exitCode).not.toBe(0)
    expect(stderr).toContain('the reports hold no test of Codex that ran')
  }
  expect(expected.stdout).toBe('Claude Code: 1 passed, 0 failed, 0 skipped\n')
  expect(await write('--expect', 'Claude Code', path)).toMatchObject({ exitCode: 0 })
  expect(results()).toBe(before)
})

it('every test that runs an agent says which: its tag counts it', () => {
  const untagged = [join('packages', 'lifecycle', 'test'), join('apps', 'daemon', 'test')].flatMap(
    (directory) =>
      readdirSync(join(REPOSITORY, directory))
        .filter((name) => name.endsWith('.test.ts'))
        .filter((name) => {
          const text = readFileSync(join(REPOSITORY, directory, name), 'utf8')
          return /\bfindAgent\b|codex-support|claude-mail-session/.test(text) && !/\btags: \[/.test(text)
        }),
  )
  expect(untagged).toEqual([])
})
