import type { Identity } from '@iapeer/core/identity'
import { identitiesOf, listPeers } from '@iapeer/core/registry'
import type { Tokens } from './tokens.ts'
import { allTokens, readTokensFile } from './tokens-file.ts'

/** The tokens that an identity has used with one model. */
export interface IdentityTokens {
  readonly identity: Identity
  readonly model: string
  readonly tokens: Tokens
}

/** Returns the counted tokens of all registered peers. One unreadable file does not hide the others. */
export async function fleetTokens(root: string): Promise<readonly IdentityTokens[]> {
  const found: IdentityTokens[] = []
  for (const identity of (await listPeers(root)).flatMap((entry) => identitiesOf(entry))) {
    const counted = await readTokensFile(root, identity)
    for (const [model, tokens] of Object.entries(allTokens(counted))) found.push({ identity, model, tokens })
  }
  return found
}
