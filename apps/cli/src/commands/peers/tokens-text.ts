import type { Cost, Tokens, TokensView } from '@iapeer/lifecycle/tokens'

const THOUSAND = 1_000
const MILLION = 1_000_000

/** Returns a number of tokens: `950`, `12k`, `3.4M`. */
export function countText(count: number): string {
  if (count < THOUSAND) return String(count)
  if (count < MILLION) return `${(count / THOUSAND).toFixed(count < 10 * THOUSAND ? 1 : 0)}k`
  return `${(count / MILLION).toFixed(count < 100 * MILLION ? 1 : 0)}M`
}

/** Returns tokens as words: `12k in, 3.4k out, 1.2M from the cache`. */
function tokensText({ input, output, cacheRead, cacheWrite }: Tokens): string {
  const parts = [`${countText(input)} in`, `${countText(output)} out`]
  if (cacheRead > 0) parts.push(`${countText(cacheRead)} from the cache`)
  if (cacheWrite > 0) parts.push(`${countText(cacheWrite)} to the cache`)
  return parts.join(', ')
}

/** Returns a cost: `3.21 USD`, with a mark if some tokens have no price; undefined if none has one. */
export function costText({ amount, currency, unpriced }: Cost): string | undefined {
  if (amount === 0 && unpriced.length > 0) return undefined
  return `${amount.toFixed(amount < 0.1 ? 4 : 2)} ${currency}${unpriced.length > 0 ? ' and more' : ''}`
}

/** Returns what a peer has used, in two lines at most: all of it, and the last turn. */
export function tokensRows(tokens: TokensView | undefined): [label: string, text: string][] {
  if (tokens === undefined) return []
  const withCost = (tokens: Tokens, cost: Cost | undefined): string => {
    const price = cost === undefined ? undefined : costText(cost)
    return `${tokensText(tokens)}${price === undefined ? '' : `: ${price}`}`
  }
  const rows: [string, string][] = [['tokens', withCost(tokens.total, tokens.cost)]]
  if (tokens.turn.input + tokens.turn.output > 0)
    rows.push(['last turn', withCost(tokens.turn, tokens.turnCost)])
  if (tokens.costProblem !== undefined) return [...rows, ['cost', `not known: ${tokens.costProblem}`]]
  const { cost } = tokens
  if (cost === undefined || cost.unpriced.length === 0) return rows
  return [...rows, ['no price', `${cost.unpriced.join(', ')} (iapeer config set tokens.prices)`]]
}
