import { existsSync } from 'node:fs'
import { fieldsOf, list, number, text } from '@iapeer/core/json'
import type { Fields, RpcClient } from './rpc-client.ts'
import { parseTurnError, type TurnError } from './turn-error.ts'

/** A thread that an app-server has loaded, without its turns. */
export interface Thread {
  readonly id: string
  /** The path of its rollout, which exists once the thread has a turn. */
  readonly path: string | undefined
  readonly status: 'idle' | 'active' | 'systemError' | 'unknown'
  /** What it waits for from a person, in the words of the server: `waitingOnApproval`, `waitingOnUserInput`. */
  readonly waitsFor: readonly string[]
  /** Whether it is a conversation of a person, not one of a subagent or for a title. */
  readonly isOfPerson: boolean
  /** Of a sub-agent: the thread that started it. */
  readonly parentId?: string | undefined
}

/** A message of a user in a turn. */
export interface UserItem {
  /** The id that its client gave it. */
  readonly clientId: string | undefined
  readonly text: string
  /** Milliseconds since the epoch, where recorded. */
  readonly startedMs: number | undefined
}

/** A turn of a thread. */
export interface ThreadTurn {
  readonly id: string
  readonly status: 'completed' | 'interrupted' | 'failed' | 'inProgress' | 'unknown'
  /** Why it failed. */
  readonly error: TurnError | undefined
  /** Milliseconds since the epoch, to the second. */
  readonly startedMs?: number | undefined
  /** Milliseconds since the epoch, to the second. */
  readonly completedMs: number | undefined
  readonly userItems: readonly UserItem[]
}

const STATUSES = ['idle', 'active', 'systemError'] as const

/** The status of a thread, as the server reports it. */
export type ThreadStatus = Pick<Thread, 'status' | 'waitsFor'>

/** Reads the status of a thread: of `thread/read`, and of `thread/status/changed`. */
export function parseStatus(value: unknown): ThreadStatus {
  const status = fieldsOf(value)
  return {
    status: STATUSES.find((one) => one === status['type']) ?? 'unknown',
    waitsFor: list(status['activeFlags']).flatMap((flag) => text(flag) ?? []),
  }
}

const TURN_STATUSES = ['completed', 'interrupted', 'failed', 'inProgress'] as const

/** Reads the answer of `thread/read`; undefined if it has no thread. */
export function parseThread(value: unknown): Thread | undefined {
  const fields = fieldsOf(value)
  const id = text(fields['id'])
  if (id === undefined) return undefined
  return {
    id,
    path: text(fields['path']),
    ...parseStatus(fields['status']),
    ...(text(fields['parentThreadId']) === undefined ? {} : { parentId: text(fields['parentThreadId']) }),
    isOfPerson:
      fields['ephemeral'] === false &&
      fields['threadSource'] === 'user' &&
      text(fields['parentThreadId']) === undefined,
  }
}

/** Returns the text of a user's message: its parts of text, joined. */
function textOfContent(content: unknown): string {
  return list(content)
    .map(fieldsOf)
    .filter((part) => part['type'] === 'text')
    .map((part) => text(part['text']) ?? '')
    .join('')
}

function parseUserItem(item: Fields): UserItem {
  return {
    clientId: text(item['clientId']),
    text: textOfContent(item['content']),
    startedMs: number(item['startedAtMs']),
  }
}

/** Reads one turn of `thread/turns/list`. */
export function parseTurn(value: unknown): ThreadTurn | undefined {
  const fields = fieldsOf(value)
  const id = text(fields['id'])
  if (id === undefined) return undefined
  const [started, completed] = [number(fields['startedAt']), number(fields['completedAt'])]
  return {
    id,
    status: TURN_STATUSES.find((one) => one === fields['status']) ?? 'unknown',
    error: parseTurnError(fields['error']),
    ...(started === undefined ? {} : { startedMs: started * 1_000 }),
    completedMs: completed === undefined ? undefined : completed * 1_000,
    userItems: list(fields['items'])
      .map(fieldsOf)
      .filter((item) => item['type'] === 'userMessage')
      .map(parseUserItem),
  }
}

/** Returns the time in a UUID of version 7, in milliseconds since the epoch; undefined for another id. */
export function timeOfId(id: string): number | undefined {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/.exec(id) ?? []
  return high === undefined || low === undefined ? undefined : Number.parseInt(high + low, 16)
}

/** Asks for a thread. @throws RpcRefused, RpcSilent */
export async function readThread(client: RpcClient, id: string): Promise<Thread | undefined> {
  return parseThread((await client.request('thread/read', { threadId: id }))['thread'])
}

/** Returns the threads that are loaded, in no order. @throws RpcRefused, RpcSilent */
export async function loadedThreads(client: RpcClient): Promise<readonly Thread[]> {
  const { data } = await client.request('thread/loaded/list')
  const ids = list(data).flatMap((id) => text(id) ?? [])
  const threads = await Promise.all(ids.map((id) => readThread(client, id)))
  return threads.filter((thread) => thread !== undefined)
}

/** Returns the threads of a person that are loaded, in no order. @throws RpcRefused, RpcSilent */
export const personThreads = async (client: RpcClient): Promise<readonly Thread[]> =>
  (await loadedThreads(client)).filter(({ isOfPerson }) => isOfPerson)

/** Returns the threads of the sub-agents of a thread, and of theirs. Pure. */
export function subAgentsOf(threads: readonly Thread[], id: string): readonly Thread[] {
  const found: Thread[] = []
  const parents = [id]
  for (const parent of parents)
    for (const thread of threads) {
      if (thread.parentId !== parent || parents.includes(thread.id)) continue
      found.push(thread)
      parents.push(thread.id)
    }
  return found
}

const PAGE = 20
const MAX_PAGES = 50

/**
 * Returns the turns of a thread, the newest first, one page at a time; none for a thread that has no rollout yet.
 * @throws RpcRefused, RpcSilent
 */
export async function* turnsOf(
  client: RpcClient,
  { id: threadId, path }: Pick<Thread, 'id' | 'path'>,
  page = PAGE,
): AsyncGenerator<ThreadTurn> {
  if (path === undefined || !existsSync(path)) return
  let cursor: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const answer = await client.request('thread/turns/list', {
      ...{ threadId, limit: page, itemsView: 'full', sortDirection: 'desc' },
      ...(cursor === undefined ? {} : { cursor }),
    })
    yield* list(answer['data']).flatMap((turn) => parseTurn(turn) ?? [])
    cursor = text(answer['nextCursor'])
    if (cursor === undefined) return
  }
}
