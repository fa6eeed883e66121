import { IapeerError } from '../errors.ts'

declare const brand: unique symbol

/** `<runtime>-<personality>`, for example `claude-bob`; also the tmux session name of that peer. */
export type Identity = string & { readonly [brand]: 'Identity' }

export interface IdentityParts {
  /** `^[a-z][a-z0-9]{0,31}$`: no dash, so an identity splits at its first dash. */
  readonly runtime: string
  /** `^[a-z][a-z0-9-]{0,31}$` */
  readonly personality: string
}

const RUNTIME = /^[a-z][a-z0-9]{0,31}$/
const PERSONALITY = /^[a-z][a-z0-9-]{0,31}$/

/** Splits an identity at its first dash; undefined when it breaks the rule. */
export function parseIdentity(text: string): IdentityParts | undefined {
  if (typeof text !== 'string') return undefined
  const dash = text.indexOf('-')
  if (dash < 0) return undefined
  const runtime = text.slice(0, dash)
  const personality = text.slice(dash + 1)
  return RUNTIME.test(runtime) && PERSONALITY.test(personality) ? { runtime, personality } : undefined
}

export function isIdentity(text: string): text is Identity {
  return parseIdentity(text) !== undefined
}

/**
 * Brands a text as an identity.
 * @throws IapeerError `invalid-identity`
 */
export function toIdentity(text: string): Identity {
  if (isIdentity(text)) return text
  throw new IapeerError(`not an identity: ${JSON.stringify(text)}`, {
    code: 'invalid-identity',
    hint: 'Use <runtime>-<personality>: lower-case letters and digits, a dash, then letters, digits or dashes (claude-bob).',
  })
}
