// The versions of other programs that the tests ran with, and the page of them. Pure.

/** The programs, in the order of the page, each with the tests that count as its contract: those with a tag, or all. */
const PROGRAMS = {
  'Claude Code': { packages: ['lifecycle', 'daemon'], tag: 'claude' },
  Codex: { packages: ['lifecycle', 'daemon'], tag: 'codex' },
  tmux: { packages: ['canary', 'tmux'] },
}

/** How many results of a program are kept: the newest ones. */
const KEPT = 12

/** Returns the numbers in a version as a list: `3.5a` is 3, 5, then `a`. */
const partsOf = (version) => version.match(/\d+|[a-z]+/g) ?? []

/** Compares two versions; the newer one comes first. */
function newerFirst(one, other) {
  const [left, right] = [partsOf(one), partsOf(other)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [a = '', b = ''] = [left[at], right[at]]
    if (a === b) continue
    const difference = Number(b) - Number(a)
    return Number.isNaN(difference) ? (a < b ? 1 : -1) : difference
  }
  return 0
}

/** Returns the tests of a program. @throws Error if it is not one of those of the page */
function testsOf(program) {
  const found = PROGRAMS[program]
  if (found !== undefined) return found
  const known = Object.keys(PROGRAMS).join(', ')
  throw new Error(`unknown program ${JSON.stringify(program)}: expected ${known}`)
}

/** Returns the sums of the tests with a tag. Where a program is not installed, its tests are skipped. */
function countsWithTag(reports, program, tag) {
  const files = reports.flatMap(({ testResults = [] }) => testResults)
  const tests = files.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ tags }) => tags?.includes(tag)),
  )
  const count = (...statuses) => tests.filter(({ status }) => statuses.includes(status)).length
  const [passed, failed] = [count('passed'), count('failed')]
  if (passed + failed === 0) throw new Error(`the reports hold no test of ${program} that ran`)
  const unloaded = files.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  )
  return { passed, failed: failed + unloaded.length, skipped: tests.length - passed - failed }
}

/**
 * Returns the sums of JSON reports of vitest, of the tests of a program.
 * @throws Error if no test of the program ran: a run without a test proves nothing
 */
export function countsOf(reports, program) {
  const { tag } = testsOf(program)
  if (tag !== undefined) return countsWithTag(reports, program, tag)
  const sum = (field) => reports.reduce((total, report) => total + (report[field] ?? 0), 0)
  const counts = {
    passed: sum('numPassedTests'),
    // A file that cannot be loaded has no tests; it fails as a suite.
    failed:
      sum('numFailedTests') +
      reports.filter(({ success, numFailedTests }) => success === false && numFailedTests === 0).length,
    skipped: sum('numPendingTests') + sum('numTodoTests'),
  }
  if (counts.passed + counts.failed === 0) throw new Error('the reports hold no test that ran')
  return counts
}

/** Returns the results with one more, as many as are kept; it replaces an earlier one of the same version. */
export function withResult(results, result) {
  testsOf(result.program)
  if (!/^\d[\w.-]*$/.test(result.version))
    throw new Error(`invalid version ${JSON.stringify(result.version)}: expected, for example, 3.5a`)
  const others = results.filter(
    ({ program, version }) => program !== result.program || version !== result.version,
  )
  return Object.keys(PROGRAMS).flatMap((name) =>
    [...others, result]
      .filter(({ program }) => program === name)
      .sort((one, other) => newerFirst(one.version, other.version))
      .slice(0, KEPT),
  )
}

const row = (cells, widths) => `| ${cells.map((cell, at) => cell.padEnd(widths[at])).join(' | ')} |`

function table(rows) {
  const head = ['version', 'passed', 'failed', 'skipped', 'system', 'day']
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((cells) => cells[at].length)))
  const lines = [head, widths.map((width) => '-'.repeat(width)), ...rows]
  return `${lines.map((cells) => row(cells, widths)).join('\n')}\n`
}

/** Returns the text of docs/compatibility.md. */
export function pageOf(results) {
  const sections = Object.entries(PROGRAMS).map(([name, { packages, tag }]) => {
    const rows = results
      .filter(({ program }) => program === name)
      .map(({ version, passed, failed, skipped, system, day }) =>
        [version, passed, failed, skipped, system, day].map((value) => String(value ?? '-')),
      )
    const where = packages
      .map((one) => `\`packages/${one}\``.replace('packages/daemon', 'apps/daemon'))
      .join(' and ')
    const which = tag === undefined ? `Tests of ${where}.` : `The tests of ${where} that run ${name}.`
    return `## ${name}\n\n${which}\n\n${table(rows)}`
  })
  return `${[
    '# Compatibility\n',
    'The versions of other programs with which the tests of iapeer ran. A weekly workflow runs them with the newest versions and proposes a new row.',
    'A row with `-` is a version that was tested by hand before these runs were counted. Other versions are not tested.\n',
    'Node.js 24, 22 and 20.19 are tested by continuous integration; 20 is past its end of life and supported while it costs nothing.\n',
    'Generated by `node packages/dev/scripts/compatibility.mjs` from `packages/dev/compatibility/results.json`.\n',
  ].join('\n')}\n${sections.join('\n')}`
}
