import type { Identity } from '@iapeer/core/identity'
import type { PeerSession } from '../sessions/index.ts'
import { type Cost, costOfModels, priceTable } from './cost.ts'
import { type ModelTokens, type Tokens, totalOf } from './tokens.ts'
import { currentUsage } from './update-usage.ts'
import { allTokens, readUsage, type Usage } from './usage-file.ts'

/** The tokens of a peer: what `iapeer show --json` and `list --cost --json` print. */
export interface UsageView {
  /** Of all its conversations. */
  readonly total: Tokens
  /** Of its last turn. */
  readonly turn: Tokens
  readonly models: ModelTokens
  /** Absent without a table of prices. */
  readonly cost?: Cost | undefined
  readonly turnCost?: Cost | undefined
}

/** Returns the view of a usage; undefined if nothing was used. @throws IapeerError `bad-setting` */
function viewOf(usage: Usage, env: NodeJS.ProcessEnv): UsageView | undefined {
  const models = allTokens(usage)
  if (Object.keys(models).length === 0) return undefined
  const last = usage.conversations.at(-1)?.count.turn ?? {}
  const table = priceTable(env)
  const costs =
    table === undefined ? {} : { cost: costOfModels(models, table), turnCost: costOfModels(last, table) }
  return { total: totalOf(models), turn: totalOf(last), models, ...costs }
}

/**
 * Returns the tokens of an identity; of one that runs, as they are now. Undefined if it has used none, or its runtime records none.
 * @throws IapeerError `bad-setting` for an invalid table of prices
 */
export async function usageView(
  root: string,
  identity: Identity,
  session: PeerSession | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<UsageView | undefined> {
  const usage =
    session === undefined ? await readUsage(root, identity) : (await currentUsage(root, session)).usage
  return viewOf(usage, env)
}
