import { parseIdentity } from '@iapeer/core/identity'

/** Whether a peer's name, or an identity, means this identity. */
export const isOf = (identity: string, name: string): boolean =>
  identity === name || parseIdentity(identity)?.personality === name
