import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { formatProcessId, type ProcessId, parseProcessId } from '@iapeer/core/process'
import { namesIn, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { parseFields, text } from '../json-fields.ts'
import { ownerOf, passOver } from './state-files.ts'

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
  /** ISO-8601 UTC. Undefined while it boots: nobody but its launcher types into it then. */
  readonly readyAt: string | undefined
}

/** Stands for a generation where nothing is recorded. */
export const NO_GENERATION = '0'.repeat(16)

const SUFFIX = '.session'
const folderOf = (root: string): string => rootLayout(root).lifecycleStateDir
const pathOf = (root: string, identity: Identity): string => join(folderOf(root), `${identity}${SUFFIX}`)

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

/** Where a file is kept that could not be read. */
export const corruptPath = (root: string, identity: Identity): string => `${pathOf(root, identity)}.corrupt`

async function setAside(root: string, identity: Identity): Promise<void> {
  try {
    await rename(pathOf(root, identity), corruptPath(root, identity))
  } catch (error) {
    // Another reader was quicker.
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/** The enrolled session of an identity. A file that cannot be read as one is set aside as `<name>.corrupt`. */
export async function readSession(root: string, identity: Identity): Promise<PeerSession | undefined> {
  const path = pathOf(root, identity)
  const found = await readRegularFile(path)
  if (found === undefined) return undefined
  const session = parseSession(identity, found.text)
  if (session === undefined) await setAside(root, identity)
  return session
}

export async function removeSession(root: string, identity: Identity): Promise<void> {
  await rm(pathOf(root, identity), { force: true })
}

/** Every enrolled session, by identity; what cannot be read is passed over. */
export async function listSessions(root: string): Promise<PeerSession[]> {
  const identities = (await namesIn(folderOf(root))).sort().flatMap((name) => ownerOf(name, SUFFIX) ?? [])
  const sessions = await Promise.all(
    identities.map((identity) => readSession(root, identity).catch(passOver)),
  )
  return sessions.filter((session) => session !== undefined)
}
