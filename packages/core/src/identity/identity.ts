import { IapeerError } from '../errors/index.ts'

declare const brand: unique symbol

/** The name of a peer, `^[a-z][a-z0-9-]{0,31}$`; unique within a root. */
export type Personality = string & { readonly [brand]: 'Personality' }

/** The kind of program that a peer runs as (`claude`, `codex`, `command`, ...), `^[a-z][a-z0-9]{0,31}$`: no dash. */
export type Runtime = string & { readonly [brand]: 'Runtime' }

/** `<runtime>-<personality>`, for example `claude-bob`; also the tmux session name of that peer. */
export type Identity = string & { readonly [brand]: 'Identity' }

/** The parts of an identity. */
export interface IdentityParts {
  readonly runtime: Runtime
  readonly personality: Personality
}

const RUNTIME = /^[a-z][a-z0-9]{0,31}$/
const PERSONALITY = /^[a-z][a-z0-9-]{0,31}$/

/** Tests whether a value is a personality. */
export function isPersonality(text: unknown): text is Personality {
  return typeof text === 'string' && PERSONALITY.test(text)
}

/** Tests whether a value is a runtime. */
export function isRuntime(text: unknown): text is Runtime {
  return typeof text === 'string' && RUNTIME.test(text)
}

/**
 * Brands a text as a personality.
 * @throws IapeerError `invalid-personality`
 */
export function toPersonality(text: string): Personality {
  if (isPersonality(text)) return text
  throw new IapeerError(`not a peer's name: ${JSON.stringify(text)}`, {
    code: 'invalid-personality',
    hint: 'Use a lower-case letter, then up to 31 lower-case letters, digits or dashes (bob, night-shift).',
  })
}

/**
 * Brands a text as a runtime.
 * @throws IapeerError `invalid-runtime`
 */
export function toRuntime(text: string): Runtime {
  if (isRuntime(text)) return text
  throw new IapeerError(`not a runtime: ${JSON.stringify(text)}`, {
    code: 'invalid-runtime',
    hint: 'Use a lower-case letter, then up to 31 lower-case letters or digits, no dash (claude, codex, command).',
  })
}

/** Splits an identity at its first dash; undefined if the text is not an identity. */
export function parseIdentity(text: string): IdentityParts | undefined {
  if (typeof text !== 'string') return undefined
  const dash = text.indexOf('-')
  if (dash < 0) return undefined
  const runtime = text.slice(0, dash)
  const personality = text.slice(dash + 1)
  return isRuntime(runtime) && isPersonality(personality) ? { runtime, personality } : undefined
}

/** Tests whether a text is an identity. */
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
    hint: 'Use <runtime>-<name> in lower case, for example claude-bob; the runtime has no dash.',
  })
}

/** Formats an identity, for example `claude-bob`. @throws IapeerError `invalid-identity` */
export function formatIdentity(parts: IdentityParts): Identity {
  return toIdentity(`${parts.runtime}-${parts.personality}`)
}

/** Tests whether `name`, a personality or an identity, means this identity. */
export const matchesPeer = (identity: string, name: string): boolean =>
  identity === name || parseIdentity(identity)?.personality === name
