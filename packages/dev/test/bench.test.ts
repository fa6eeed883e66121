import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asyncCleanups, privateDirectory, run, until } from '../src/testing/index.ts'
import { REPOSITORY } from '../src/workspace.ts'

const track = asyncCleanups()
const MODULES = join(REPOSITORY, 'packages', 'dev', 'bench')
const SCRIPT = join(REPOSITORY, 'packages', 'dev', 'scripts', 'bench.mjs')

type Points = readonly (readonly [number, number])[]
interface Figure {
  readonly id: string
  readonly what: string
  readonly value?: number
  readonly unit?: string
  readonly beside?: { readonly what: string; readonly value: number }
  readonly why?: string
}
interface Plot {
  readonly title: string
  readonly x: { readonly label: string; readonly scale: string }
  readonly y: { readonly label: string; readonly scale: string }
  readonly series: readonly { readonly what: string; readonly points: Points }[]
  readonly hasMarks?: boolean
}
interface Modules {
  readonly fitLine: (points: Points) => { a: number; b: number; r2: number }
  readonly fitPower: (points: Points) => { c: number; k: number; r2: number }
  readonly percentile: (values: readonly number[], share: number) => number
  readonly reportPage: (run: object) => string
  readonly linePlot: (plot: Plot) => string
  readonly barPlot: (plot: { title: string; bars: readonly (readonly [string, number])[] }) => string
  readonly runBenchmarks: (options: object) => Promise<{ path?: string; failed: string[] }>
  readonly MEASUREMENTS: readonly { readonly name: string; readonly script: string }[]
}

// The scripts are plain JavaScript, so that they run without a build.
const load = async (name: string): Promise<Modules> => import(join(MODULES, name))
const { fitLine, fitPower } = await load('fit.mjs')
const { percentile } = await load('results.mjs')
const { reportPage } = await load('markdown.mjs')
const { linePlot, barPlot } = await load('svg.mjs')
const { runBenchmarks } = await load('compose.mjs')
const { MEASUREMENTS } = await load('measurements.mjs')

function newDirectory(): string {
  const made = privateDirectory()
  track(made.remove)
  return made.path
}

describe('a fit', () => {
  it('finds the line that the points are on', () => {
    const number = fc.double({ min: -1_000, max: 1_000, noNaN: true })
    fc.assert(
      fc.property(number, number, (a, b) => {
        const line = fitLine([10, 30, 100, 300, 1_000].map((n) => [n, a + b * n] as const))
        expect(line.a).toBeCloseTo(a, 6)
        expect(line.b).toBeCloseTo(b, 6)
      }),
    )
  })

  it('has the least squares: the known result for points that are on no line', () => {
    const { a, b, r2 } = fitLine([
      [1, 1],
      [2, 3],
      [3, 2],
    ])
    expect([a, b, r2].map((value) => Number(value.toFixed(6)))).toEqual([1, 0.5, 0.25])
  })

  it.each([
    ['in proportion', 1],
    ['quadratic', 2],
    ['not at all', 0],
  ])('finds the exponent of what grows %s', (_name, exponent) => {
    const { c, k } = fitPower([10, 30, 100, 300, 1_000].map((n) => [n, 3 * n ** exponent] as const))
    expect(k).toBeCloseTo(exponent, 9)
    expect(c).toBeCloseTo(3, 9)
  })

  it('is refused for a single point', () => {
    expect(() => fitLine([[1, 1]])).toThrow('a fit needs two different points')
  })

  it.each([
    [[5, 1, 3], 0.5, 3],
    [[5, 1, 3], 0.99, 5],
    [[7], 0.99, 7],
    [Array.from({ length: 200 }, (_none, at) => at + 1), 0.99, 198],
  ] as const)('%j has the percentile %d by the nearest rank', (values, share, expected) => {
    expect(percentile([...values], share)).toBe(expected)
  })
})

/** Returns the page of a run with these figures. */
const pageOf = (figures: readonly Figure[], { isQuick = false, machine = [['cores', '2']] } = {}): string =>
  reportPage({
    sections: [
      {
        measurement: {
          name: 'list',
          title: 'iapeer list',
          about: 'It is measured.',
          script: 'a.mjs',
          args: [],
        },
        outcome: { kind: 'measured', figures, series: [], notes: [] },
        plots: [],
      },
    ],
    machine,
    startedAt: new Date(0),
    minutes: 9,
    command: 'pnpm bench',
    isQuick,
  })

describe('the tables', () => {
  it('are Markdown with columns of one width, and no cell ends its column', () => {
    const machine = [
      ['a|b', '1'],
      ['two\nlines', '10,000 ms'],
    ]
    const [, text = ''] = /^## Machine\n\n([\s\S]*?)\n\n/m.exec(pageOf([], { machine })) ?? []
    expect(text.split('\n')).toEqual([
      '| what      | value     |',
      '| --------- | --------- |',
      '| a\\|b      | 1         |',
      '| two lines | 10,000 ms |',
    ])
  })

  const figure = (id: string, value: number, beside?: number): Figure => ({
    id,
    what: id,
    value,
    unit: 'ms',
    ...(beside === undefined ? {} : { beside: { what: 'other', value: beside } }),
  })
  const row = (text: string, start: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`| ${start}`))
      ?.split('|')
      .map((cell) => cell.trim())
      .slice(2, 5)

  it('say of each aim whether it is met, missed, or why it was not measured', () => {
    const text = pageOf([
      figure('death.line-alone.p50', 3),
      figure('death.line-together.p99', 60.01),
      figure('cli.start', 350, 100),
      figure('list.median', 201, 100),
      { id: 'launch.without-wait', what: 'launch', why: 'tmux is not installed' },
    ])
    expect(row(text, 'one death to its line')).toEqual(['at most 3.00 ms', '3.00 ms', 'met'])
    expect(row(text, '40 deaths at once to the line')).toEqual(['at most 60.0 ms', '60.0 ms', '**missed**'])
    expect(row(text, '`iapeer start`')).toEqual(['at most 3.5 times', '3.50', 'met'])
    expect(row(text, '`iapeer list`')).toEqual(['at most 2 times', '2.01', '**missed**'])
    expect(row(text, 'launch of')).toEqual(['at most 60.0 ms', '', 'not measured: tmux is not installed'])
    expect(row(text, 'memory of a guard')).toEqual([
      'at most 200 kB',
      '',
      'not measured: no such figure in this run',
    ])
  })

  it('judge nothing in a quick run', () => {
    const text = pageOf([figure('death.line-alone.p50', 3)], { isQuick: true })
    expect(row(text, 'one death to its line')?.[2]).toBe('not judged: a quick run')
    expect(text).not.toMatch(/\bmet\b|missed/)
    expect(text).toContain('This was a quick run')
  })
})

/** Parses XML, as far as a plot uses it. @returns the texts of its elements; throws if it is not well-formed */
function textsOf(xml: string): string[] {
  const open: string[] = []
  const texts: string[] = []
  const TOKEN =
    /<(?<close>\/)?(?<name>[a-z]+)(?:\s[\w:-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*(?<empty>\/)?>|(?<text>(?:[^<&]|&(?:amp|lt|gt|quot);)+)/gy
  let end = 0
  for (const { 0: token, index, groups = {} } of xml.matchAll(TOKEN)) {
    if (index !== end) break
    end = index + token.length
    const { close, name, empty, text } = groups
    if (text !== undefined) texts.push(text.trim())
    else if (close !== undefined) expect(open.pop()).toBe(name)
    else if (empty === undefined && name !== undefined) open.push(name)
  }
  expect(xml.slice(end)).toBe('')
  expect(open).toEqual([])
  return texts.filter((text) => text !== '')
}

describe('a plot', () => {
  const plot = (series: Plot['series'], scale = 'log') =>
    linePlot({
      title: 'Time & memory of <peers> "now"',
      x: { label: 'peers', scale },
      y: { label: 'time (ms)', scale },
      series,
      hasMarks: true,
    })

  it('is well-formed XML with title, axes, units and legend as text, whatever the numbers', () => {
    const point = fc.tuple(
      fc.double({ min: 0.001, max: 1e6, noNaN: true }),
      fc.double({ min: 0.001, max: 1e6, noNaN: true }),
    )
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 1, maxLength: 9 }),
        fc.constantFrom('log', 'linear'),
        (points, scale) => {
          const svg = plot([{ what: 'a <sweep>', points }], scale)
          expect(textsOf(svg)).toEqual(
            expect.arrayContaining([
              'Time &amp; memory of &lt;peers&gt; &quot;now&quot;',
              'peers',
              'time (ms)',
              'a &lt;sweep&gt;',
            ]),
          )
          expect(svg).not.toMatch(/NaN|Infinity/)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('has colours for a light and a dark scheme', () => {
    expect(plot([{ what: 'a', points: [[1, 1]] }])).toContain('prefers-color-scheme: dark')
  })

  it('of bars names each bar and its value', () => {
    const svg = barPlot({
      title: 'Memory (MB)',
      bars: [
        ['iapeer', 57.9],
        ['other', 0.7],
      ],
    })
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['Memory (MB)', 'iapeer', '57.9', 'other', '0.700']))
  })

  it.each([
    ['log', [3, 40, 5_000], ['1', '10', '100', '1,000', '10,000']],
    ['log', [10, 10], ['10', '100']],
    ['log', [0.02, 3], ['0.01', '0.1', '1', '10']],
    ['linear', [0.3, 100], ['0', '20', '40', '60', '80', '100']],
    ['linear', [7], ['0', '2', '4', '6', '8']],
  ] as const)('has round marks on a %s scale of %j', (kind, values, expected) => {
    const svg = plot([{ what: 'a', points: values.map((value) => [value, value] as const) }], kind)
    const marks = textsOf(svg).filter((text) => /^[\d.,]+$/.test(text))
    expect(marks).toEqual([...expected, ...expected])
  })

  it('with more series than it has colours is refused', () => {
    const series = Array.from({ length: 5 }, () => ({ what: 'a', points: [[1, 1]] as const }))
    expect(() => plot(series)).toThrow('at most 4 series')
  })
})

describe('a run', () => {
  const RESULT = {
    figures: [
      {
        id: 'list.median',
        what: 'iapeer list',
        value: 150,
        unit: 'ms',
        count: 20,
        beside: { what: 'node -e 0', value: 100 },
      },
    ],
    series: [
      {
        id: 's',
        what: 'list',
        points: [
          [1, 1],
          [10, 12],
        ],
      },
    ],
    notes: ['A note.'],
  }
  const PLOT = {
    file: 'p.svg',
    kind: 'lines',
    title: 'A plot',
    x: { label: 'n', scale: 'log' },
    y: { label: 'ms', scale: 'log' },
    series: ['s'],
  }

  /** Runs measurements whose scripts have these bodies. */
  async function runOf(
    bodies: Readonly<Record<string, string>>,
    {
      out = newDirectory(),
      limitSecs = 20,
      ...more
    }: { out?: string; limitSecs?: number; needsFlag?: string } = {},
  ) {
    const scripts = newDirectory()
    const measurements = Object.entries(bodies).map(([name, body]) => {
      writeFileSync(join(scripts, `${name}.mjs`), body)
      const common = { about: 'It is measured.', args: ['1'], quickArgs: ['0'], needs: [], fits: ['s'] }
      return { name, title: name, script: `${name}.mjs`, plots: [PLOT], limitSecs, ...common, ...more }
    })
    const result = await runBenchmarks({
      measurements,
      machine: [['cores', '2']],
      out,
      failedOut: join(out, 'failed'),
      command: 'pnpm bench',
      cwd: scripts,
      progress: { out: { write: () => true }, env: {} },
    })
    return { out, ...result }
  }
  const PRINTS = `console.log(JSON.stringify(${JSON.stringify(RESULT)}))`
  const page = (directory: string): string => readFileSync(join(directory, 'benchmarks.md'), 'utf8')

  it('writes a page with the figures, the aims and the fit, and the plots', async () => {
    const { out, path, failed } = await runOf({ good: PRINTS })
    expect(failed).toEqual([])
    expect(path).toBe(join(out, 'benchmarks.md'))
    expect(page(out)).toMatch(
      /^\| iapeer list \| 150 ms +\| 20 +\| node -e 0: 100 ms \| 1\.50 +\| met \(at most 2 times\) \|$/m,
    )
    expect(page(out)).toContain('![A plot](images/benchmarks/p.svg)')
    expect(page(out)).toMatch(/^\| list \| 1\.00: 1\.00, 10\.0: 12\.0 \| -0\.222 \+ 1\.22 n /m)
    expect(page(out)).toContain('A note.')
    expect(textsOf(readFileSync(join(out, 'images', 'benchmarks', 'p.svg'), 'utf8'))).toContain('A plot')
    expect(readdirSync(join(out, 'images'))).toEqual(['benchmarks'])
  })

  it('replaces the plots of an earlier run', async () => {
    const out = newDirectory()
    mkdirSync(join(out, 'images', 'benchmarks'), { recursive: true })
    writeFileSync(join(out, 'images', 'benchmarks', 'former.svg'), '')
    await runOf({ good: PRINTS }, { out })
    expect(readdirSync(join(out, 'images', 'benchmarks'))).toEqual(['p.svg'])
  })

  it.each([
    ['exits with an error', 'console.error("no tmux"); process.exit(3)', 'exit code 3: no tmux'],
    ['is killed', 'process.kill(process.pid, "SIGKILL")', 'SIGKILL'],
    ['prints no figures', 'console.log("hello")', 'it printed no figures'],
  ])('with a measurement that %s keeps the old report and names it in another', async (_name, body, why) => {
    const out = newDirectory()
    writeFileSync(join(out, 'benchmarks.md'), 'old')
    const { failed } = await runOf({ good: PRINTS, bad: body }, { out })
    expect(failed).toEqual(['bad'])
    expect(page(out)).toBe('old')
    expect(page(join(out, 'failed'))).toContain(`## bad\n\nIt is measured.\n\n**Not measured: ${why}.**`)
    expect(page(join(out, 'failed'))).toContain('| iapeer list')
  })

  it('ends a measurement at its time limit, with what it has started', async () => {
    const directory = newDirectory()
    const body = `
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
writeFileSync(${JSON.stringify(join(directory, 'pid'))}, String(child.pid))
setInterval(() => undefined, 1000)`
    const { out, failed } = await runOf({ slow: body }, { limitSecs: 2 })
    expect(failed).toEqual(['slow'])
    expect(page(join(out, 'failed'))).toContain('**Not measured: it took more than 2 s.**')
    const pid = readFileSync(join(directory, 'pid'), 'utf8')
    const isGone = () => {
      const stat = join('/proc', pid, 'stat')
      return !existsSync(stat) || readFileSync(stat, 'utf8').includes(') Z ')
    }
    if (process.platform === 'linux') await until('the exit of what it has started', async () => isGone())
  })

  it('reports what is not measured here, and why; that is not a failure', async () => {
    const { out, failed } = await runOf({ others: 'process.exit(1)' }, { needsFlag: 'alternatives' })
    expect(failed).toEqual([])
    expect(page(out)).toContain(
      'Not measured: alternatives are downloaded and measured only with `--alternatives`.',
    )
  })
})

describe('pnpm bench', () => {
  it.each([
    [['--only', 'speed', '--out', '/nowhere'], /^--only "speed": expected one of deaths, /],
    [['--quick'], /^a run with --only or --quick does not replace docs: give it a directory with --out$/m],
    [['--only', 'list'], /^a run with --only or --quick does not replace docs/],
    [['--fast'], /^Unknown option '--fast'/],
    [['list'], /^Unexpected argument 'list'/],
  ])('%j exits with 2 and says what is wrong', async (args, expected) => {
    const { exitCode, stdout, stderr } = await run(process.execPath, [SCRIPT, ...args])
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(expected)
    expect(stderr).toContain('See: pnpm bench --help')
  })

  it('--help lists the measurements', async () => {
    const { exitCode, stdout } = await run(process.execPath, [SCRIPT, '--help'])
    expect(exitCode).toBe(0)
    for (const { name } of MEASUREMENTS) expect(stdout).toContain(name)
  })

  it('has a script for each measurement', () => {
    for (const { script } of MEASUREMENTS) expect(existsSync(join(REPOSITORY, script))).toBe(true)
  })
})
