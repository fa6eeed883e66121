/** What a model costs, for a million tokens. */
export interface ModelPrice {
  /** The name of a model, or its beginning followed by `*`. */
  readonly model: string
  readonly input: number
  readonly output: number
  /** Undefined: not stated. What was read from a cache, or written to it, has no known cost then. */
  readonly cacheRead?: number | undefined
  readonly cacheWrite?: number | undefined
}

const NUMBER = /^\d+(?:\.\d+)?$/

function parsePrice(text: string): ModelPrice | undefined {
  const at = text.lastIndexOf('=')
  const model = text.slice(0, Math.max(0, at)).trim()
  const numbers = text
    .slice(at + 1)
    .split('/')
    .map((one) => one.trim())
  const isWhole = numbers.length >= 2 && numbers.length <= 4 && numbers.every((one) => NUMBER.test(one))
  if (model === '' || !isWhole) return undefined
  const [input = 0, output = 0, cacheRead, cacheWrite] = numbers.map(Number)
  return { model, input, output, cacheRead, cacheWrite }
}

/**
 * Reads a table of prices: `MODEL=INPUT/OUTPUT[/CACHE READ[/CACHE WRITE]]`, separated by semicolons.
 * @returns undefined if it is not one
 */
export function parsePrices(text: string): readonly ModelPrice[] | undefined {
  const parts = text.split(';').filter((part) => part.trim() !== '')
  const prices = parts.flatMap((part) => parsePrice(part) ?? [])
  return prices.length === parts.length ? prices : undefined
}

/** Returns the price of a model: that of its name, else that of the longest beginning of it. */
export function priceOf(prices: readonly ModelPrice[], model: string): ModelPrice | undefined {
  const exact = prices.find((one) => one.model === model)
  if (exact !== undefined) return exact
  return prices
    .filter((one) => one.model.endsWith('*') && model.startsWith(one.model.slice(0, -1)))
    .toSorted((one, other) => other.model.length - one.model.length)[0]
}
