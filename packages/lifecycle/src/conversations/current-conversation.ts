import { parseIdentity } from '@iapeer/core/identity'
import type { CurrentConversation, PeerSession } from '../sessions/index.ts'
import { currentOfClaude, lastOfClaude } from './of-claude.ts'
import { currentOfCodex, lastOfCodex } from './of-codex.ts'

/** How a program is asked, by its runtime. A runtime that is not here has no conversations. */
const READERS: Readonly<
  Record<
    string,
    {
      readonly current: (session: PeerSession) => Promise<CurrentConversation | undefined>
      readonly last: (session: PeerSession) => Promise<CurrentConversation | undefined>
    }
  >
> = {
  claude: { current: currentOfClaude, last: lastOfClaude },
  codex: { current: currentOfCodex, last: lastOfCodex },
}

const readersOf = ({ identity }: PeerSession) => READERS[String(parseIdentity(identity)?.runtime)]

/** A program that hangs must not delay a stop. In milliseconds. */
const ASK_MS = 1_500

/**
 * Asks the program of a running session in which conversation it is. A person can have changed it there.
 * @returns undefined if the program does not say, or its runtime has no conversations
 */
export async function currentConversation(session: PeerSession): Promise<CurrentConversation | undefined> {
  const asked = readersOf(session)?.current(session)
  if (asked === undefined) return undefined
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ASK_MS)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Returns the conversation that a session was in when it ended, by what its program has left; undefined if that is unknown. */
export const lastConversation = async (session: PeerSession): Promise<CurrentConversation | undefined> =>
  readersOf(session)?.last(session)
