// What the measuring scripts share: percentiles, and figures that are printed as lines or, with `--json`, as one JSON object.
// A script prints nothing else on standard output, so that packages/dev/scripts/bench.mjs can read it.

/** Returns the value below which a share of the values lies, by the nearest rank. */
export function percentile(values, share) {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1))]
}

export const median = (values) => percentile(values, 0.5)

/** Returns the words of the command line without `--json`, and whether it is among them. */
export function readArguments(args = process.argv.slice(2)) {
  return { isJson: args.includes('--json'), words: args.filter((word) => word !== '--json') }
}

/** Returns a number with the decimals that two or three digits need. */
export function shortNumber(value) {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  if (size >= 1) return value.toFixed(2)
  return size >= 0.01 || size === 0 ? value.toFixed(3) : value.toPrecision(2)
}

/** Collects what a script measures. */
export class Results {
  #isJson
  #figures = []
  #series = []
  #notes = []

  /** @param isJson whether {@link print} prints one object; otherwise each figure is printed as a line when it is known */
  constructor({ isJson = readArguments().isJson } = {}) {
    this.#isJson = isJson
  }

  get isJson() {
    return this.#isJson
  }

  /**
   * Adds a figure.
   * @param id names the figure in aims and plots; stable
   * @param beside what the figure is compared with: `what` and its `value`, in the same unit and of the same run
   * @param count how many times it was measured
   */
  figure(id, { what, value, unit, beside, count }) {
    if (!Number.isFinite(value)) throw new Error(`${id} was not measured: ${value}`)
    this.#figures.push({ id, what, value, unit, beside, count })
    const compared =
      beside === undefined
        ? ''
        : `   ${beside.what}: ${shortNumber(beside.value)} ${unit}, ratio ${shortNumber(value / beside.value)}`
    this.#line(`${what.padEnd(58)} ${shortNumber(value).padStart(8)} ${unit}${compared}`)
  }

  /** Adds a figure that cannot be measured here, and why. */
  skip(id, { what, why }) {
    this.#figures.push({ id, what, why })
    this.#line(`${what.padEnd(58)} not measured: ${why}`)
  }

  /** Adds points of a plot: pairs of numbers. */
  series(id, { what, points }) {
    this.#series.push({ id, what, points })
  }

  /** Adds a sentence about how something was measured. */
  note(text) {
    this.#notes.push(text)
    this.#line(`(${text})`)
  }

  /** Prints everything as one JSON object, if `--json` was given. */
  print() {
    if (!this.#isJson) return
    const { stdout } = process
    stdout.write(`${JSON.stringify({ figures: this.#figures, series: this.#series, notes: this.#notes })}\n`)
  }

  #line(text) {
    const { stdout, stderr } = process
    ;(this.#isJson ? stderr : stdout).write(`${text}\n`)
  }
}
