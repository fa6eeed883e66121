import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { fieldsOf, list, parseFields, text } from '@iapeer/core/json'
import { LIMIT_NAMES, type Limits } from '@iapeer/core/limits'
import { rootLayout } from '@iapeer/core/paths'
import { formatProcessId, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { namesIn, quarantine, quarantinedFiles, readRegularFile, replaceFile } from '@iapeer/core/storage'
import {
  type CurrentConversation,
  conversationOfMail,
  type PinnedConversation,
  parseConversation,
  withCurrent,
} from './pinned-conversation.ts'
import { parseSessionMail, type SessionMail } from './session-mail.ts'
import { ignoreUnreadable, ownerOf } from './state-files.ts'
import { wakeWaiting } from './waiting.ts'

/** A launch that is not finished although its program runs: only a person can answer the dialog on its screen. */
export interface BlockedLaunch {
  /** ISO-8601 UTC. */
  readonly since: string
  /** The last lines of its screen; empty where the screen could not be read. */
  readonly screen: string
  /** The name of the dialog, where it is known. */
  readonly dialog?: string | undefined
  /** What to do about it. */
  readonly hint?: string | undefined
  /** When iapeer began to type its first message, ISO-8601: it is not typed again, whether or not that succeeded. */
  readonly typedAt?: string | undefined
}

/** A session that was launched and is supervised: `state/lifecycle/<identity>.session`. */
export interface PeerSession {
  readonly identity: Identity
  /** Undefined where nothing is recorded (`IAPEER_RECORDS=off`). */
  readonly gen: string | undefined
  /** Set where the peer was renamed since: the identity at its launch, which the files of its recorder are named after. */
  readonly recordedAs?: Identity | undefined
  readonly socketPath: string
  readonly server: ProcessId
  readonly leader: ProcessId
  readonly sessionId: string
  readonly paneId: string
  /** ISO-8601 UTC. */
  readonly startedAt: string
  /** The process that runs it for a service manager (`iapeer run`): while it runs, the daemon does not act on the session. */
  readonly holder?: ProcessId | undefined
  /** ISO-8601 UTC. Undefined while it boots (only its launcher types into it then) and while its launch is blocked. */
  readonly readyAt: string | undefined
  /** Undefined once it is ready, and in the first seconds of its boot. Its launcher may still hold the lock of its identity. */
  readonly blocked?: BlockedLaunch | undefined
  /** What the user's `tmux.conf` contained that the peer cannot run with, by name; it was set back at the launch. */
  readonly setBack?: readonly string[] | undefined
  /** Why its program has no cgroup of its own, if it was launched without one: its limits are not enforced. */
  readonly uncontained?: string | undefined
  /** The limits that were stated at its launch. Undefined for a session that an earlier version launched. */
  readonly limits?: Limits | undefined
  /** Undefined for a session that an earlier version launched. */
  readonly mail?: SessionMail | undefined
  /** Undefined for a runtime without conversations. */
  readonly conversation?: PinnedConversation | undefined
}

/** How far the launch of a session is. `booting`: its launcher holds the lock of its identity, unless it was killed. */
export type LaunchPhase = 'ready' | 'blocked' | 'booting'

export function phaseOf({ readyAt, blocked }: PeerSession): LaunchPhase {
  if (readyAt !== undefined) return 'ready'
  return blocked === undefined ? 'booting' : 'blocked'
}

/**
 * Returns the conversation of a session, with what its program says now. A program that is not ready yet, and has not said which
 * conversation it begins, has not got anything to do.
 */
export function conversationOfSession(
  { conversation, readyAt, blocked }: PeerSession,
  said: CurrentConversation | undefined,
): PinnedConversation | undefined {
  const pinned = withCurrent(conversation, said, new Date())
  const isUnused = readyAt === undefined && blocked?.typedAt === undefined
  return pinned !== undefined && pinned.id === undefined && isUnused ? { ...pinned, hasTurn: false } : pinned
}

/** Whether a session was launched to resume its conversation and has not become ready: if it has died, the resume has failed. */
export const isFailedResume = ({ conversation, readyAt }: PeerSession): boolean =>
  conversation?.resumed === true && readyAt === undefined

/** The generation in the tally under which the end of a session is counted. */
export const endingGenOf = ({ gen, startedAt }: PeerSession): string => gen ?? startedAt

/** Takes the place of a generation where nothing is recorded. */
export const NO_GENERATION = '0'.repeat(16)

const SUFFIX = '.session'
const directoryOf = (root: string): string => rootLayout(root).lifecycleStateDir
export const sessionFileName = (identity: Identity): string => `${identity}${SUFFIX}`
const pathOf = (root: string, identity: Identity): string =>
  join(directoryOf(root), sessionFileName(identity))

function parseBlocked(value: unknown): BlockedLaunch | undefined {
  const fields = fieldsOf(value)
  const since = text(fields['since'])
  if (since === undefined) return undefined
  return {
    since,
    screen: text(fields['screen']) ?? '',
    dialog: text(fields['dialog']),
    hint: text(fields['hint']),
    typedAt: text(fields['typedAt']),
  }
}

function parseLimits(value: unknown): Limits {
  const fields = fieldsOf(value)
  const known = LIMIT_NAMES.map((name) => [name, fields[name]]).filter(([, one]) => typeof one === 'number')
  return Object.fromEntries(known)
}

function parseSession(identity: Identity, json: string): PeerSession | undefined {
  const fields = parseFields(json)
  if (fields === undefined) return undefined
  const field = (name: string): string => text(fields[name]) ?? ''
  const server = parseProcessId(field('server'))
  const leader = parseProcessId(field('leader'))
  const socketPath = field('socketPath')
  const launchedAs = field('recordedAs')
  const setBack = list(fields['setBack']).flatMap((name) => text(name) ?? [])
  const mail = parseSessionMail(fields['mail'])
  const uncontained = text(fields['uncontained'])
  const limits = fields['limits'] === undefined ? undefined : parseLimits(fields['limits'])
  const conversation = parseConversation(fields['conversation']) ?? conversationOfMail(identity, mail)
  if (server === undefined || leader === undefined || socketPath === '') return undefined
  return {
    identity,
    gen: field('gen') || undefined,
    ...(isIdentity(launchedAs) ? { recordedAs: launchedAs } : {}),
    socketPath,
    server,
    leader,
    sessionId: field('sessionId'),
    paneId: field('paneId'),
    startedAt: field('startedAt'),
    readyAt: field('readyAt') || undefined,
    holder: parseProcessId(field('holder')),
    blocked: parseBlocked(fields['blocked']),
    ...(setBack.length === 0 ? {} : { setBack }),
    ...(uncontained === undefined ? {} : { uncontained }),
    ...(limits === undefined ? {} : { limits }),
    ...(mail === undefined ? {} : { mail }),
    ...(conversation === undefined ? {} : { conversation }),
  }
}

/** Enrols a session: writes its file, in place of an older one of the same identity. */
export async function writeSession(root: string, session: PeerSession): Promise<void> {
  const { server, leader, holder, ...rest } = session
  const fields = {
    schemaVersion: 1,
    ...rest,
    server: formatProcessId(server),
    leader: formatProcessId(leader),
    ...(holder === undefined ? {} : { holder: formatProcessId(holder) }),
  }
  await replaceFile(pathOf(root, session.identity), `${JSON.stringify(fields)}\n`)
}

/** Returns the session files of an identity that {@link readSession} set aside. */
export const corruptSessions = (root: string, identity: Identity): Promise<string[]> =>
  quarantinedFiles(pathOf(root, identity))

/** Reads the enrolled session of an identity. A corrupt file is set aside as `<name>.corrupt`. */
export async function readSession(root: string, identity: Identity): Promise<PeerSession | undefined> {
  const path = pathOf(root, identity)
  const found = await readRegularFile(path)
  if (found === undefined) return undefined
  const session = parseSession(identity, found.text)
  if (session === undefined) quarantine(path, { text: found.text })
  return session
}

/** Removes the file of a session that is over, and ends the processes that wait for messages to it. */
export async function removeSession(root: string, identity: Identity): Promise<void> {
  const found = await readRegularFile(pathOf(root, identity)).catch(ignoreUnreadable)
  const session = parseSession(identity, found?.text ?? '')
  if (session?.mail !== undefined) await wakeWaiting(session.mail.directory)
  await rm(pathOf(root, identity), { force: true })
}

/** Reads every enrolled session, sorted by identity; skips unreadable files. */
export async function listSessions(root: string): Promise<PeerSession[]> {
  const identities = (await namesIn(directoryOf(root))).sort().flatMap((name) => ownerOf(name, SUFFIX) ?? [])
  const sessions = await Promise.all(
    identities.map((identity) => readSession(root, identity).catch(ignoreUnreadable)),
  )
  return sessions.filter((session) => session !== undefined)
}
