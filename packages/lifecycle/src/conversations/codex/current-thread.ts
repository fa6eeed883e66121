import { isMail } from '../mail-text.ts'
import type { Connection } from './connections.ts'
import type { RpcClient } from './rpc-client.ts'
import { loadedThreads, type Thread, type ThreadTurn, timeOfId, turnsOf } from './threads.ts'

/** The thread on the screen of the TUI, and since when, in milliseconds since the epoch. */
export interface CurrentThread {
  readonly thread: Thread
  readonly sinceMs: number
}

/** How many of the newest turns are searched for one that a person began. */
const SEARCHED_TURNS = 10

const isOfMail = ({ userItems: [first] }: ThreadTurn): boolean => first !== undefined && isMail(first.text)

/** Returns when a person last began a turn of a thread, or the thread itself, in milliseconds since the epoch. */
async function usedAt(client: RpcClient, thread: Thread): Promise<number> {
  const bornMs = timeOfId(thread.id) ?? 0
  let left = SEARCHED_TURNS
  for await (const turn of turnsOf(client, thread)) {
    if (!isOfMail(turn)) return Math.max(bornMs, timeOfId(turn.id) ?? 0)
    if (--left === 0) break
  }
  return bornMs
}

/**
 * Returns the thread on the screen of the TUI: the one that a person used last, by a turn, `/new` or `/resume`. Turns that messages began
 * do not count. A `/resume` is only known to the connection that was open at that time.
 * @param loaded the loaded threads, if they are known. @default ask for them
 * @returns undefined if no thread is loaded
 * @throws RpcRefused, RpcSilent
 */
export async function currentThread(
  { client, shown }: Connection,
  loaded?: readonly Thread[],
): Promise<CurrentThread | undefined> {
  const threads = (loaded ?? (await loadedThreads(client))).filter(({ isOfPerson }) => isOfPerson)
  const [only, another] = threads
  if (only !== undefined && another === undefined) return { thread: only, sinceMs: timeOfId(only.id) ?? 0 }
  const used = await Promise.all(
    threads.map(async (thread) => {
      const shownMs = shown?.threadId === thread.id ? shown.atMs : 0
      return { thread, sinceMs: Math.max(await usedAt(client, thread), shownMs) }
    }),
  )
  return used.toSorted((one, other) => other.sinceMs - one.sinceMs)[0]
}
