import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { listPeers } from '@iapeer/core/registry'

/** How printed lines refer to a session. */
export interface SessionName {
  /** `bob`, or `bob (codex)` if its peer has another runtime too. */
  readonly shown: string
  /** The session as the argument of a command: `bob`, or `codex-bob`. */
  readonly argument: string
}

/**
 * Returns how printed lines refer to a session.
 * @param runtimes those of its peer; undefined if they are unknown: then the name is the identity
 */
export function sessionName(identity: string, runtimes: readonly string[] | undefined): SessionName {
  const parts = parseIdentity(identity)
  if (parts === undefined || runtimes === undefined) return { shown: identity, argument: identity }
  const { runtime, personality } = parts
  return runtimes.every((one) => one === runtime)
    ? { shown: personality, argument: personality }
    : { shown: `${personality} (${runtime})`, argument: identity }
}

async function runtimesOf(identity: string): Promise<readonly string[] | undefined> {
  const personality = parseIdentity(identity)?.personality
  try {
    return (await listPeers(iapeerRoot())).find((entry) => entry.personality === personality)?.runtimes
  } catch (error) {
    // The name is only for output: an unreadable registry must not make a finished command fail.
    if (isIapeerError(error) || errnoOf(error) !== undefined) return undefined
    throw error
  }
}

/** Returns how printed lines refer to a session, with the runtimes that the registry has for its peer. */
export const registeredName = async (identity: string): Promise<SessionName> =>
  sessionName(identity, await runtimesOf(identity))
