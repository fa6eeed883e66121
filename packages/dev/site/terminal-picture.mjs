// Draws the screen of a terminal as SVG: text stays text, and the colours follow the light or dark scheme of the reader.

const [CHARACTER, LINE] = [8.4, 20]
const [PADDING, BAR] = [20, 34]

const STYLE = `
text { font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
.ground { fill: #f6f8fa; stroke: #d1d9e0 }
.dot { fill: #d1d9e0 }
.bold { font-weight: 600 }
.red { fill: #cf222e } .green { fill: #1a7f37 } .yellow { fill: #7d4e00 } .dim { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.ground { fill: #0d1117; stroke: #3d444d }
.dot { fill: #3d444d }
.red { fill: #ff7b72 } .green { fill: #3fb950 } .yellow { fill: #d29922 } .dim { fill: #9198a1 }
}
`

/** The parameters of SGR that iapeer prints: what each sets, or clears. */
const SETS = {
  1: ['weight', 'bold'],
  2: ['weight', 'dim'],
  31: ['colour', 'red'],
  32: ['colour', 'green'],
  33: ['colour', 'yellow'],
  90: ['colour', 'dim'],
}
const CLEARS = { 22: ['weight'], 39: ['colour'], 0: ['weight', 'colour'] }

const ESCAPE = String.fromCharCode(27)
const SGR = new RegExp(String.raw`(${ESCAPE}\[[\d;]*m)`)
const LOOK = new RegExp(String.raw`^${ESCAPE}\[([\d;]*)m$`)

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text) => text.replace(/[&<>"]/g, (character) => ESCAPES[character])

/** Splits captured lines into parts of one look. @returns for each line a list of `{ text, classes }` */
export function partsOf(captured) {
  let look = {}
  return captured.split('\n').map((line) => {
    const parts = []
    for (const piece of line.split(SGR)) {
      const parameters = LOOK.exec(piece)
      if (parameters === null) {
        if (piece !== '') parts.push({ text: piece, classes: Object.values(look) })
        continue
      }
      for (const parameter of (parameters[1] === '' ? '0' : parameters[1]).split(';').map(Number)) {
        const set = SETS[parameter]
        if (set !== undefined) look = { ...look, [set[0]]: set[1] }
        for (const cleared of CLEARS[parameter] ?? []) look = { ...look, [cleared]: undefined }
      }
    }
    return parts.map(({ text, classes }) => ({ text, classes: classes.filter((one) => one !== undefined) }))
  })
}

/** Returns the picture of lines that `tmux capture-pane -e` has printed. @param title what it shows, for readers that do not see it */
export function terminalPicture(captured, title) {
  const lines = partsOf(captured)
  const columns = Math.max(...lines.map((parts) => parts.reduce((sum, { text }) => sum + text.length, 0)))
  const [width, height] = [Math.ceil(columns * CHARACTER) + 2 * PADDING, lines.length * LINE + BAR + PADDING]
  const rows = lines.flatMap((parts, at) => {
    if (parts.length === 0) return []
    const spans = parts.map(({ text, classes }) =>
      classes.length === 0 ? escaped(text) : `<tspan class="${classes.join(' ')}">${escaped(text)}</tspan>`,
    )
    return [`<text x="${PADDING}" y="${BAR + at * LINE + 14}" xml:space="preserve">${spans.join('')}</text>`]
  })
  const dots = [0, 1, 2].map((at) => `<circle class="dot" cx="${PADDING + 6 + at * 20}" cy="17" r="6"/>`)
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`
  const ground = `<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`
  const parts = [
    head,
    `<title id="title">${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    ground,
    ...dots,
    ...rows,
  ]
  return `${parts.join('\n')}\n</svg>\n`
}
