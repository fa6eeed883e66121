import { existsSync } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { errnoOf } from '@iapeer/core/errors'
import { fieldsOf, text } from '@iapeer/core/json'
import { appServerSocket, embeddedMark } from '../../runtimes/index.ts'
import type { SessionTarget } from '../session-target.ts'
import { type Fields, type RpcClient, RpcRefused, RpcSilent } from './rpc-client.ts'
import { connectAppServer, NotListening } from './socket-client.ts'
import { parseStatus, parseThread, type ThreadStatus } from './threads.ts'

/** A turn that the server named when it accepted a message. */
interface Accepted {
  readonly turnId: string
}

/** A status of a thread that the server reported, and when, in milliseconds since the epoch. */
interface ReportedStatus extends ThreadStatus {
  readonly atMs: number
}

/** The connection to the app-server of one session, and what was learned by it. */
export interface Connection {
  readonly client: RpcClient
  /** The last status of each thread that the server has reported, by the id of the thread. */
  readonly statuses: Map<string, ReportedStatus>
  /** How often the server has reported a thread or its status. */
  reports: number
  /** The thread that the TUI showed last, as far as the server has reported, and when, in milliseconds since the epoch. */
  shown: { readonly threadId: string; readonly atMs: number } | undefined
  /** The answers to messages that this connection sent, by their mark. */
  readonly accepted: Map<string, Accepted>
  /** When an attempt of another connection was first seen to be absent, by its mark, in milliseconds since the epoch. */
  readonly missingSince: Map<string, number>
}

/** A connection, or why there is none. `off`: the session has no app-server. `silent`: it does not answer now. */
export type Connected =
  | { readonly kind: 'connected'; readonly connection: Connection }
  | { readonly kind: 'off'; readonly why: string }
  | { readonly kind: 'silent'; readonly why: string }

const connections = new Map<string, Connection>()
const openings = new Map<string, Promise<Connection>>()

/** The thread that was shown last by socket, for a session that has ended. */
const lastShown = new Map<string, NonNullable<Connection['shown']>>()
const MOST_SHOWN = 1_000

/** Returns the thread that the TUI of a session showed last, as far as its app-server has told this process. */
export function shownLast({ mail }: SessionTarget['session']): Connection['shown'] {
  return mail === undefined ? undefined : lastShown.get(appServerSocket(mail.directory))
}

function noteShown(path: string, shown: NonNullable<Connection['shown']>): void {
  lastShown.delete(path)
  lastShown.set(path, shown)
  for (const oldest of lastShown.keys()) {
    if (lastShown.size <= MOST_SHOWN) break
    lastShown.delete(oldest)
  }
}

/** A TUI that resumes a thread causes no `thread/started`, but this. */
const RESUMED: ReadonlySet<string> = new Set(['thread/goal/cleared', 'thread/goal/updated'])

/** Notes which thread the TUI shows, and what its threads do, from what the server reports. */
function note(connection: Connection, method: string, params: Fields): void {
  const started = method === 'thread/started' ? parseThread(params['thread']) : undefined
  const resumed = RESUMED.has(method) ? text(params['threadId']) : undefined
  const threadId = started?.isOfPerson === true ? started.id : resumed
  if (threadId !== undefined) connection.shown = { threadId, atMs: Date.now() }
  const changed = method === 'thread/status/changed' ? text(params['threadId']) : undefined
  if (changed !== undefined)
    connection.statuses.set(changed, { ...parseStatus(params['status']), atMs: Date.now() })
  if (threadId !== undefined || changed !== undefined) connection.reports++
}

async function open(path: string): Promise<Connection> {
  let connection: Connection | undefined
  const client = await connectAppServer(path, (method, params) => {
    if (connection === undefined) return
    note(connection, method, fieldsOf(params))
    if (connection.shown !== undefined) noteShown(path, connection.shown)
  })
  connection = {
    ...{ client, shown: undefined, statuses: new Map(), reports: 0 },
    ...{ accepted: new Map(), missingSince: new Map() },
  }
  return connection
}

/** Returns whether the socket, which is a link to a directory of Codex, belongs to this user. */
async function isOurs(path: string): Promise<boolean> {
  const { uid } = userInfo()
  return (await lstat(path)).uid === uid && (await stat(path)).uid === uid
}

/** Returns the open connection of a socket. One that was closed is opened anew, and those of ended sessions are forgotten. */
async function connectionTo(path: string): Promise<Connection> {
  for (const [known, { client }] of connections) if (client.isClosed) connections.delete(known)
  const known = connections.get(path)
  if (known !== undefined) return known
  const opening = openings.get(path) ?? open(path)
  openings.set(path, opening)
  try {
    const connection = await opening
    connections.set(path, connection)
    return connection
  } finally {
    openings.delete(path)
  }
}

/** Returns how often the server of a session has reported something; undefined without an open connection. */
export function reportsOf({ session }: SessionTarget): number | undefined {
  const directory = session.mail?.directory
  const known = directory === undefined ? undefined : connections.get(appServerSocket(directory))
  return known === undefined || known.client.isClosed ? undefined : known.reports
}

/** Returns the connection to the app-server of a session; it is kept until the server closes it. */
export async function connectionOf({ session }: SessionTarget): Promise<Connected> {
  const directory = session.mail?.directory
  if (directory === undefined) return { kind: 'off', why: 'the session was launched without messages' }
  if (existsSync(embeddedMark(directory))) return { kind: 'off', why: 'Codex runs without an app-server' }
  const path = appServerSocket(directory)
  try {
    if (!(await isOurs(path))) return { kind: 'off', why: 'the socket belongs to another user' }
    const connection = await connectionTo(path)
    return { kind: 'connected', connection }
  } catch (error) {
    if (error instanceof RpcSilent) return { kind: 'silent', why: error.message }
    if (error instanceof NotListening || error instanceof RpcRefused || errnoOf(error) !== undefined)
      return { kind: 'off', why: error instanceof Error ? error.message : String(error) }
    throw error
  }
}
