import { isIapeerError } from '@iapeer/core/errors'
import type { Identity } from '@iapeer/core/identity'
import type { PeerSession } from '../sessions/index.ts'
import { type Cost, costOfModels, priceTable } from './cost.ts'
import { type ModelTokens, type Tokens, totalOf } from './tokens.ts'
import { allTokens, type CountedTokens, readTokensFile } from './tokens-file.ts'
import { currentTokens } from './update-tokens.ts'

/** The tokens of a peer: what `iapeer show --json` and `list --cost --json` print. */
export interface TokensView {
  /** Of all its conversations. */
  readonly total: Tokens
  /** Of its last turn. */
  readonly turn: Tokens
  readonly models: ModelTokens
  /** Absent without a table of prices. */
  readonly cost?: Cost | undefined
  readonly turnCost?: Cost | undefined
  /** Why the cost is missing although prices are set: their table is invalid. */
  readonly costProblem?: string | undefined
}

function costsOf(models: ModelTokens, turn: ModelTokens, env: NodeJS.ProcessEnv): Partial<TokensView> {
  try {
    const table = priceTable(env)
    if (table === undefined) return {}
    return { cost: costOfModels(models, table), turnCost: costOfModels(turn, table) }
  } catch (error) {
    if (!isIapeerError(error) || error.code !== 'bad-setting') throw error
    return { costProblem: error.message }
  }
}

/** Returns the view of counted tokens; undefined if nothing was used. */
function viewOf(counted: CountedTokens, env: NodeJS.ProcessEnv): TokensView | undefined {
  const models = allTokens(counted)
  if (Object.keys(models).length === 0) return undefined
  const last = counted.conversations.at(-1)?.count.turn ?? {}
  const costs = costsOf(models, last, env)
  return { total: totalOf(models), turn: totalOf(last), models, ...costs }
}

/**
 * Returns the tokens of an identity; of one that runs, as they are now. Undefined if it has used none, or its runtime records none.
 */
export async function tokensView(
  root: string,
  identity: Identity,
  session: PeerSession | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<TokensView | undefined> {
  const counted =
    session === undefined ? await readTokensFile(root, identity) : (await currentTokens(root, session)).tokens
  return viewOf(counted, env)
}
