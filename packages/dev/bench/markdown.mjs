// Writes the report of a run of the benchmarks as Markdown.
import { AIMS, judge, valueFor } from './aims.mjs'
import { fitLine, fitPower } from './fit.mjs'
import { shortNumber } from './results.mjs'

/** Returns a number with its thousands separated. */
function numberText(value) {
  const [whole, fraction] = shortNumber(value).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

const escaped = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')

/** Returns a table whose columns are as wide as their longest cell. */
function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(escaped))
  const widths = head.map((_none, at) => Math.max(3, ...cells.map((row) => row[at].length)))
  const line = (row) => `| ${row.map((cell, at) => cell.padEnd(widths[at])).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const [first, ...others] = cells.map(line)
  return [first, rule, ...others].join('\n')
}

const withUnit = (value, unit) => `${numberText(value)} ${unit}`
const besideText = ({ value, unit, beside }) =>
  beside === undefined
    ? ['', '']
    : [`${beside.what}: ${withUnit(beside.value, unit)}`, numberText(value / beside.value)]

function figureRow(figure, options) {
  const aim = AIMS.find(({ id }) => id === figure.id)
  if (figure.value === undefined) return [figure.what, `not measured: ${figure.why}`, '', '', '', '']
  const judged = aim === undefined ? '' : `${judge(aim, figure, options)} (${aimText(aim)})`
  return [figure.what, withUnit(figure.value, figure.unit), figure.count ?? '', ...besideText(figure), judged]
}

const aimText = ({ most, unit, isRatio }) =>
  isRatio ? `at most ${most} times` : `at most ${withUnit(most, unit)}`

/** Returns the table of aims: each with what was measured, and `met`, `missed`, or why it was not measured. */
function aimsTable(figures, options) {
  const rows = AIMS.map((aim) => {
    const figure = figures.find(({ id }) => id === aim.id)
    const value = valueFor(aim, figure)
    const measured = value === undefined ? '' : aim.isRatio ? numberText(value) : withUnit(value, aim.unit)
    const judged = judge(aim, figure, options)
    return [aim.what, aimText(aim), measured, judged === 'missed' ? '**missed**' : judged]
  })
  return table(['what', 'aim', 'measured', 'result'], rows)
}

/** Returns a table of how each series grows, by both fits. */
function fitsTable(all) {
  const rows = all
    .filter(({ points }) => points.length > 1)
    .map(({ what, points }) => {
      const [line, power] = [fitLine(points), fitPower(points)]
      const sign = line.b < 0 ? '-' : '+'
      return [
        what,
        points.map(([n, ms]) => `${numberText(n)}: ${numberText(ms)}`).join(', '),
        `${numberText(line.a)} ${sign} ${Math.abs(line.b).toPrecision(3)} n (R² ${line.r2.toFixed(3)})`,
        `${power.k.toFixed(2)} (R² ${power.r2.toFixed(3)})`,
      ]
    })
  return `Least squares over the measured points; n is the number of peers, the processor time is in ms. The exponent is that of a power law,
fitted to the logarithms: 1 is growth in proportion, 2 is quadratic.

${table(['what', 'measured (n: ms)', 'fitted line', 'fitted exponent'], rows)}`
}

const commandOf = ({ name, needsFlag }) =>
  `pnpm bench --only ${name}${needsFlag === undefined ? '' : ` --${needsFlag}`}`

function section({ measurement, outcome, plots }, options) {
  const parts = [`## ${measurement.title}`, measurement.about]
  if (outcome.kind === 'skipped') parts.push(`Not measured: ${outcome.why}.`)
  else if (outcome.kind === 'failed') parts.push(`**Not measured: ${outcome.why}.**`)
  else {
    const head = ['what', 'measured', 'of', 'beside', 'ratio', 'aim']
    parts.push(
      table(
        head,
        outcome.figures.map((figure) => figureRow(figure, options)),
      ),
    )
    const fitted = outcome.series.filter(({ id }) => measurement.fits?.includes(id))
    if (fitted.length > 0) parts.push(fitsTable(fitted))
    for (const { title, path } of plots) parts.push(`![${title}](${path})`)
    for (const note of outcome.notes) parts.push(note)
  }
  parts.push(
    `Again: \`${commandOf(measurement)} --out DIR\`; the script: \`node ${measurement.script} ${measurement.args.join(' ')}\`.`,
  )
  return parts.join('\n\n')
}

/**
 * Returns the report.
 * @param sections each with its `measurement`, its `outcome` (`measured`, `skipped` or `failed`) and its `plots`
 * @param machine pairs of a name and a text
 */
export function reportPage({ sections, machine, startedAt, minutes, command, isQuick }) {
  const options = { isQuick }
  const figures = sections.flatMap(({ outcome }) => outcome.figures ?? [])
  const day = startedAt.toISOString().slice(0, 10)
  const intro = `One run of \`${command}\` on ${day}, which took ${minutes.toFixed(0)} minutes, wrote this page and its plots. Do not edit it: run that again.
Each figure has its absolute value, and its ratio to an alternative that was measured in the same run: below 1, iapeer needs less.
p50 is the median, p99 the value that one in a hundred exceeds; of fewer than 100 values p99 is the highest; "of"
is the number of values.`
  const quick =
    'This was a quick run with small sizes: its figures show that the measurements work, and nothing about speed.'
  return `${[
    '# Benchmarks',
    intro,
    ...(isQuick ? [quick] : []),
    '## Machine',
    table(['what', 'value'], machine),
    '## Aims',
    aimsTable(figures, options),
    ...sections.map((one) => section(one, options)),
  ].join('\n\n')}\n`
}
