import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { fieldsOf, parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { formatProcessId, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { namesIn, quarantine, quarantinedFiles, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { ignoreUnreadable, ownerOf } from './state-files.ts'

/** Why the launch of a program that runs is not finished: only a person can answer what its screen shows. */
export interface BlockedLaunch {
  /** ISO-8601 UTC. */
  readonly since: string
  /** The last lines of its screen; empty where that could not be read. */
  readonly screen: string
  /** What stands there, where that is known. */
  readonly dialog?: string | undefined
  /** What to do about it. */
  readonly hint?: string | undefined
  /** When its first message began to be typed, ISO-8601: it is not typed again, whatever came of that. */
  readonly typedAt?: string | undefined
}

/** A session that was launched and is supervised: `state/lifecycle/<identity>.session`. */
export interface PeerSession {
  readonly identity: Identity
  /** Undefined where nothing is recorded (`IAPEER_RECORDS=off`). */
  readonly gen: string | undefined
  /** The identity that it was launched with, and that its recorder's files are named after, where it was renamed since. */
  readonly recordedAs?: Identity | undefined
  readonly socketPath: string
  readonly server: ProcessId
  readonly leader: ProcessId
  readonly sessionId: string
  readonly paneId: string
  /** ISO-8601 UTC. */
  readonly startedAt: string
  /** Who holds it up for a service manager (`iapeer run`): while that lives, nobody else does anything about it. */
  readonly holder?: ProcessId | undefined
  /** ISO-8601 UTC. Undefined while it boots, when only its launcher types into it, and while its launch is blocked. */
  readonly readyAt: string | undefined
  /** Undefined once it is ready, and in the first seconds of its boot. Its launcher may still hold its identity's lock. */
  readonly blocked?: BlockedLaunch | undefined
}

/** `booting`: its launcher holds its identity's lock, unless that launcher was killed. */
export type LaunchPhase = 'ready' | 'blocked' | 'booting'

export function phaseOf({ readyAt, blocked }: PeerSession): LaunchPhase {
  if (readyAt !== undefined) return 'ready'
  return blocked === undefined ? 'booting' : 'blocked'
}

/** Stands for a generation where nothing is recorded. */
export const NO_GENERATION = '0'.repeat(16)

const SUFFIX = '.session'
const directoryOf = (root: string): string => rootLayout(root).lifecycleStateDir
const pathOf = (root: string, identity: Identity): string => join(directoryOf(root), `${identity}${SUFFIX}`)

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

function parseSession(identity: Identity, json: string): PeerSession | undefined {
  const fields = parseFields(json)
  if (fields === undefined) return undefined
  const said = (name: string): string => text(fields[name]) ?? ''
  const server = parseProcessId(said('server'))
  const leader = parseProcessId(said('leader'))
  const socketPath = said('socketPath')
  const launchedAs = said('recordedAs')
  if (server === undefined || leader === undefined || socketPath === '') return undefined
  return {
    identity,
    gen: said('gen') || undefined,
    ...(isIdentity(launchedAs) ? { recordedAs: launchedAs } : {}),
    socketPath,
    server,
    leader,
    sessionId: said('sessionId'),
    paneId: said('paneId'),
    startedAt: said('startedAt'),
    readyAt: said('readyAt') || undefined,
    holder: parseProcessId(said('holder')),
    blocked: parseBlocked(fields['blocked']),
  }
}

/** Enrols a session; an older one of the same identity is replaced. */
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

/** The files of an identity that {@link readSession} could not parse. */
export const corruptSessions = (root: string, identity: Identity): Promise<string[]> =>
  quarantinedFiles(pathOf(root, identity))

/** The enrolled session of an identity. A file that cannot be read as one is set aside as `<name>.corrupt`. */
export async function readSession(root: string, identity: Identity): Promise<PeerSession | undefined> {
  const path = pathOf(root, identity)
  const found = await readRegularFile(path)
  if (found === undefined) return undefined
  const session = parseSession(identity, found.text)
  if (session === undefined) quarantine(path, { text: found.text })
  return session
}

export async function removeSession(root: string, identity: Identity): Promise<void> {
  await rm(pathOf(root, identity), { force: true })
}

/** Every enrolled session, by identity; what cannot be read is passed over. */
export async function listSessions(root: string): Promise<PeerSession[]> {
  const identities = (await namesIn(directoryOf(root))).sort().flatMap((name) => ownerOf(name, SUFFIX) ?? [])
  const sessions = await Promise.all(
    identities.map((identity) => readSession(root, identity).catch(ignoreUnreadable)),
  )
  return sessions.filter((session) => session !== undefined)
}
