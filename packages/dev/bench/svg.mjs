// Draws plots as SVG: text stays text, and the colours follow the light or dark scheme of the reader.
import { shortNumber } from './results.mjs'

const [WIDTH, HEIGHT] = [760, 420]
const FRAME = { left: 76, right: 36, top: 50, bottom: 96 }
const BAR = { height: 34, label: 150 }
const SERIES = 4

/** Four colours that differ in lightness too, for each scheme. */
const STYLE = `
text { font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.ground { fill: #ffffff }
.axis { stroke: #59636e; fill: none }
.grid { stroke: #d1d9e0; fill: none }
.line { fill: none; stroke-width: 2 }
.s0 { stroke: #0550ae } .f0 { fill: #0550ae }
.s1 { stroke: #bc4c00; stroke-dasharray: 8 3 } .f1 { fill: #bc4c00 }
.s2 { stroke: #1a7f37; stroke-dasharray: 2 3 } .f2 { fill: #1a7f37 }
.s3 { stroke: #8250df; stroke-dasharray: 10 3 2 3 } .f3 { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.ground { fill: #0d1117 }
.axis { stroke: #9198a1 }
.grid { stroke: #3d444d }
.s0 { stroke: #58a6ff } .f0 { fill: #58a6ff }
.s1 { stroke: #f0883e } .f1 { fill: #f0883e }
.s2 { stroke: #3fb950 } .f2 { fill: #3fb950 }
.s3 { stroke: #bc8cff } .f3 { fill: #bc8cff }
}
`

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text) => String(text).replace(/[&<>"]/g, (character) => ESCAPES[character])
const at = (value) => value.toFixed(1)

function text(x, y, content, attributes = '') {
  return `<text x="${at(x)}" y="${at(y)}"${attributes}>${escaped(content)}</text>`
}

function picture({ title, height, parts }) {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title">`
  const ground = `<rect class="ground" width="${WIDTH}" height="${height}"/>`
  return `${[head, `<title id="title">${escaped(title)}</title>`, `<style>${STYLE}</style>`, ground, text(16, 28, title, ' class="title"'), ...parts, '</svg>'].join('\n')}\n`
}

/** Returns the ends and the marks of a scale. A logarithmic one ends at powers of ten. */
function scaleOf(values, kind) {
  if (kind === 'log') {
    const logs = values.filter((value) => value > 0).map(Math.log10)
    const from = Math.floor(Math.min(...logs))
    const to = Math.max(from + 1, Math.ceil(Math.max(...logs)))
    const marks = Array.from({ length: to - from + 1 }, (_none, nth) => 10 ** (from + nth))
    return { marks, share: (value) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from) }
  }
  const most = Math.max(...values, Number.MIN_VALUE)
  const size = 10 ** Math.floor(Math.log10(most))
  const step = [0.2, 0.5, 1, 2].map((part) => part * size).find((one) => most / one <= 5) ?? size
  const count = Math.ceil(most / step - 1e-9)
  const marks = Array.from({ length: count + 1 }, (_none, nth) => nth * step)
  return { marks, share: (value) => value / (count * step) }
}

const markText = (value) => {
  if (value === 0) return '0'
  const short = value >= 1 ? String(Math.round(value * 100) / 100) : String(Number(value.toPrecision(2)))
  return short.replace(/\B(?=(\d{3})+$)/g, ',')
}

function axes({ x, y, toX, toY }) {
  const [left, right] = [FRAME.left, WIDTH - FRAME.right]
  const [top, bottom] = [FRAME.top, HEIGHT - FRAME.bottom]
  const vertical = x.marks.flatMap((mark) => [
    `<path class="grid" d="M${at(toX(mark))} ${top}V${bottom}"/>`,
    text(toX(mark), bottom + 18, markText(mark), ' text-anchor="middle"'),
  ])
  const horizontal = y.marks.flatMap((mark) => [
    `<path class="grid" d="M${left} ${at(toY(mark))}H${right}"/>`,
    text(left - 8, toY(mark) + 4, markText(mark), ' text-anchor="end"'),
  ])
  return [
    ...vertical,
    ...horizontal,
    `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`,
    text((left + right) / 2, bottom + 40, x.label, ' text-anchor="middle"'),
    text(
      0,
      0,
      y.label,
      ` text-anchor="middle" transform="translate(18 ${at((top + bottom) / 2)}) rotate(-90)"`,
    ),
  ]
}

/** The text of a legend is not measured: a character is about this wide. */
const CHARACTER = 7.6

function legend(names) {
  const items = []
  let [x, y] = [FRAME.left, HEIGHT - 26]
  for (const [nth, name] of names.entries()) {
    const width = 32 + name.length * CHARACTER + 24
    if (x > FRAME.left && x + width > WIDTH) [x, y] = [FRAME.left, y + 20]
    items.push(`<path class="line s${nth % SERIES}" d="M${at(x)} ${at(y - 4)}h26"/>`, text(x + 32, y, name))
    x += width
  }
  return items
}

/**
 * Draws lines with axes, units and a legend.
 * @param series at most four: `what`, and `points` as pairs of numbers in the order of x
 * @param x the label with its unit, and whether the scale is `linear` or `log`; `y` likewise
 */
export function linePlot({ title, x, y, series, hasMarks = false }) {
  if (series.length > SERIES) throw new Error(`a plot has at most ${SERIES} series`)
  const all = series.flatMap(({ points }) => points)
  const [scaleX, scaleY] = [
    scaleOf(
      all.map(([value]) => value),
      x.scale,
    ),
    scaleOf(
      all.map(([, value]) => value),
      y.scale,
    ),
  ]
  const toX = (value) => FRAME.left + scaleX.share(value) * (WIDTH - FRAME.left - FRAME.right)
  const toY = (value) => HEIGHT - FRAME.bottom - scaleY.share(value) * (HEIGHT - FRAME.top - FRAME.bottom)
  const lines = series.flatMap(({ points }, nth) => {
    const path = points.map(([one, other]) => `${at(toX(one))} ${at(toY(other))}`).join('L')
    const marks = points.map(
      ([one, other]) => `<circle class="f${nth}" cx="${at(toX(one))}" cy="${at(toY(other))}" r="3.5"/>`,
    )
    return [`<path class="line s${nth}" d="M${path}"/>`, ...(hasMarks ? marks : [])]
  })
  const frame = axes({ x: { ...scaleX, label: x.label }, y: { ...scaleY, label: y.label }, toX, toY })
  return picture({
    title,
    height: HEIGHT,
    parts: [...frame, ...lines, ...legend(series.map(({ what }) => what))],
  })
}

/** Draws a horizontal bar for each pair of a name and a value, with the value behind it. The unit is part of the title. */
export function barPlot({ title, bars }) {
  const most = Math.max(...bars.map(([, value]) => value), Number.MIN_VALUE)
  const room = WIDTH - BAR.label - 110
  const parts = bars.flatMap(([name, value], nth) => {
    const y = FRAME.top + nth * BAR.height
    const width = Math.max(1, (value / most) * room)
    return [
      text(BAR.label - 10, y + 18, name, ' text-anchor="end"'),
      `<rect class="f${nth === 0 ? 0 : 1}" x="${BAR.label}" y="${y + 2}" width="${at(width)}" height="${BAR.height - 12}"/>`,
      text(BAR.label + width + 8, y + 18, shortNumber(value)),
    ]
  })
  return picture({ title, height: FRAME.top + bars.length * BAR.height + 14, parts })
}
