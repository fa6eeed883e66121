import { IapeerError } from '../errors/index.ts'

export const PERMISSIONS = ['ask', 'own', 'skip'] as const
/**
 * How an agent gets permission to act. `ask`: it asks before it acts outside its sandbox. `own`: iapeer passes no option, so the
 * agent's own settings decide. `skip`: it acts without asking.
 */
export type Permissions = (typeof PERMISSIONS)[number]

/** The permissions of a peer whose profile does not state them. */
export const DEFAULT_PERMISSIONS: Permissions = 'ask'

/** Parses a value of `permissions`. @throws IapeerError `invalid-options` */
export function toPermissions(text: string): Permissions {
  const found = PERMISSIONS.find((one) => one === text)
  if (found !== undefined) return found
  throw new IapeerError(`invalid permissions ${JSON.stringify(text)}: expected ${PERMISSIONS.join(', ')}`, {
    code: 'invalid-options',
    hint: 'ask: the agent asks before it acts; own: its own settings decide; skip: it never asks.',
  })
}
