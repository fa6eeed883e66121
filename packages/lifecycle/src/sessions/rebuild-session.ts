import { lstatSync, statSync } from 'node:fs'
import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, type ProcessId, readProcesses } from '@iapeer/core/process'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import { createEventLog } from '../eventlog/index.ts'
import { isDetached } from './detached-servers.ts'
import { whileUnclaimed } from './identity-lock.ts'
import { conversationOfMail } from './pinned-conversation.ts'
import { filesOfGen, isClaimed } from './read-claim.ts'
import { corruptSessions, type PeerSession, readSession, writeSession } from './session-file.ts'
import { findSessionMail } from './sessions-directory.ts'

/** `<identity>.session.corrupt`, `<identity>.session.corrupt-2`, ... */
const CORRUPT = /^(.+)\.session\.corrupt(?:-.+)?$/

interface SetAside {
  readonly path: string
  /** In milliseconds since the epoch. */
  readonly atMs: number
}

/** Returns the corrupt session file of an identity that was set aside last. */
async function lastSetAside(root: string, identity: Identity): Promise<SetAside | undefined> {
  const kept = (await corruptSessions(root, identity)).flatMap((path): SetAside[] => {
    const found = lstatSync(path, { throwIfNoEntry: false })
    return found === undefined ? [] : [{ path, atMs: found.ctimeMs }]
  })
  return kept.sort((a, b) => b.atMs - a.atMs)[0]
}

/** Returns when the guard started; undefined when its generation was settled meanwhile. */
function guardStartedAt(statePath: string): Date | undefined {
  return statSync(statePath, { throwIfNoEntry: false })?.mtime
}

/**
 * Returns the leader that the launch noted. When it is not a child of the server any more, it has exited: its token is then
 * `-`.
 */
async function leaderOf(statePath: string, server: ProcessId): Promise<ProcessId | undefined> {
  const pid = Number((await readRegularFile(`${statePath}.leader`))?.text)
  if (!(pid > 0)) return undefined
  const facts = (await readProcesses([pid])).get(pid)
  const known = facts !== undefined && 'ppid' in facts && facts.ppid === server.pid
  return (known ? await identifyProcess(pid) : undefined) ?? { pid, token: '-' }
}

async function sessionOf(
  root: string,
  canary: CanaryInfo,
  { identity, setAside }: { readonly identity: Identity; readonly setAside: SetAside },
): Promise<PeerSession | undefined> {
  const { gen, mode, state, socketPath, serverPid, recordedAs } = canary
  if (!isIdentity(recordedAs)) return undefined
  const launched = { identity, gen, ...(recordedAs === identity ? {} : { recordedAs }) }
  const hasEnded =
    [identity, recordedAs].some((name) => isDetached(root, name, gen)) || isClaimed(root, launched)
  if (mode !== 'guard' || state === 'ended' || hasEnded) return undefined
  const statePath = filesOfGen(root, launched).state
  const [server, startedOn] = [await identifyProcess(serverPid), guardStartedAt(statePath)]
  // A guard that started later belongs to another launch, which was killed or still runs.
  if (server === undefined || startedOn === undefined || startedOn.getTime() > setAside.atMs) return undefined
  const leader = await leaderOf(statePath, server)
  if (leader === undefined) return undefined
  const startedAt = startedOn.toISOString()
  // The first pane of a new server is `%0`, in the session `$0`.
  const first = { sessionId: '$0', paneId: '%0' }
  const mail = await findSessionMail(root, gen)
  const conversation = conversationOfMail(identity, mail)
  return {
    ...{ ...launched, socketPath, server, leader, ...first, startedAt, readyAt: startedAt },
    ...(mail === undefined ? {} : { mail }),
    ...(conversation === undefined ? {} : { conversation }),
  }
}

/**
 * Writes the session file of a running peer again when it was corrupt and was set aside, from the files of its guard. The corrupt
 * file is kept. The caller holds the lock of the identity.
 * @returns the rebuilt session; undefined where there was none to rebuild
 */
export async function rebuildSession(root: string, identity: Identity): Promise<PeerSession | undefined> {
  if ((await readSession(root, identity)) !== undefined) return undefined
  const setAside = await lastSetAside(root, identity)
  if (setAside === undefined) return undefined
  for (const canary of await listCanaries(rootRecordLocation(root))) {
    const session =
      canary.identity === identity ? await sessionOf(root, canary, { identity, setAside }) : undefined
    if (session === undefined) continue
    await writeSession(root, session)
    const log = createEventLog(root)
    await log.note({
      ev: 'supervise',
      identity,
      gen: session.gen,
      action: 'session-rebuilt',
      kept: setAside.path,
    })
    return session
  }
  return undefined
}

/** Runs {@link rebuildSession} for every identity with a corrupt session file; skips those whose lock another process holds. */
export async function rebuildSessions(root: string): Promise<void> {
  const names = await namesIn(rootLayout(root).lifecycleStateDir)
  for (const identity of new Set(names.map((name) => CORRUPT.exec(name)?.[1]))) {
    if (identity !== undefined && isIdentity(identity))
      await whileUnclaimed(root, identity, () => rebuildSession(root, identity))
  }
}
