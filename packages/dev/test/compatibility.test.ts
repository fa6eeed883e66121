import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import pinned from '../src/agents/versions.json' with { type: 'json' }
import { asyncCleanups, privateDirectory, run } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'compatibility.mjs')
const RESULTS = join('packages', 'dev', 'compatibility', 'results.json')
const REPORT = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 0, success: false }

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
  const value = { ...REPORT, numFailedTests: 0 }
  expect(
    await write('--program', 'Codex', '--version', '9.0.0', ...RUN, report('a.json', value)),
  ).toMatchObject({ exitCode: 0 })
  expect(page()).toMatch(/^\| 9\.0\.0 +\| 5 +\| 1 /m)
})
