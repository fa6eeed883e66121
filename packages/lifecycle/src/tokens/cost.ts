import { type ModelPrice, parsePrices, priceOf, readText, SETTINGS } from '@iapeer/core/settings'
import type { ModelTokens, Tokens } from './tokens.ts'

/** What tokens cost. */
export interface Cost {
  readonly amount: number
  readonly currency: string
  /** The models without a price, or with tokens of a kind that their price does not state: their cost is not in the amount. */
  readonly unpriced: readonly string[]
}

const MILLION = 1_000_000

/** Returns what tokens of one model cost; undefined if a price is missing. */
function costOf(tokens: Tokens, price: ModelPrice): number | undefined {
  const { cacheRead, cacheWrite } = price
  if (tokens.cacheRead > 0 && cacheRead === undefined) return undefined
  if (tokens.cacheWrite > 0 && cacheWrite === undefined) return undefined
  const sum =
    tokens.input * price.input +
    tokens.output * price.output +
    tokens.cacheRead * (cacheRead ?? 0) +
    tokens.cacheWrite * (cacheWrite ?? 0)
  return sum / MILLION
}

/** Returns what tokens cost by the table of the person. Pure. */
export function costOfModels(
  models: ModelTokens,
  { prices, currency }: { readonly prices: readonly ModelPrice[]; readonly currency: string },
): Cost {
  let amount = 0
  const unpriced: string[] = []
  for (const [model, tokens] of Object.entries(models)) {
    const price = priceOf(prices, model)
    const cost = price === undefined ? undefined : costOf(tokens, price)
    if (cost === undefined) unpriced.push(model)
    else amount += cost
  }
  return { amount, currency, unpriced }
}

/** Reads the table of prices (IAPEER_PRICES, IAPEER_CURRENCY); undefined if the person has set none. @throws IapeerError `bad-setting` */
export function priceTable(
  env: NodeJS.ProcessEnv,
): { readonly prices: readonly ModelPrice[]; readonly currency: string } | undefined {
  const prices = parsePrices(readText(env, SETTINGS.prices) ?? '')
  const currency = readText(env, SETTINGS.currency) ?? 'USD'
  return prices === undefined || prices.length === 0 ? undefined : { prices, currency }
}
