import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { listCanaries, nameGeneration } from '@iapeer/canary'
import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import {
  formatIdentity,
  type Identity,
  isIdentity,
  isPersonality,
  isRuntime,
  type Personality,
  type Runtime,
} from '@iapeer/core/identity'
import { fieldsOf, list, parseFields, text } from '@iapeer/core/json'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { getPeer, listPeers, type PeerEntry, renamePeer, upsertPeer } from '@iapeer/core/registry'
import { acquireLock, readIfExists, replaceFile, tryLock } from '@iapeer/core/storage'
import { TmuxServer } from '@iapeer/tmux'
import { createEventLog } from '../eventlog/index.ts'
import { stopUnenrolled } from '../reap/index.ts'
import {
  LONGEST_LAUNCH_MS,
  moveIdentity,
  noteRename,
  type PeerSession,
  rebuildSession,
  statusOf,
  whileUnclaimed,
  withIdentity,
} from '../sessions/index.ts'
import { isRenamePending, renamePendingPath } from './rename-pending.ts'

const TITLE_MS = 1_000

/** A rename in progress: `state/rename.pending`. An interrupted one is finished by the next command. */
interface Pending {
  readonly ts: string
  readonly from: Personality
  readonly to: Personality
  readonly home: string
  readonly runtimes: readonly Runtime[]
  /** The generations that run, or whose end is not settled, each with its identity before the rename. */
  readonly generations: readonly { readonly gen: string; readonly identity: Identity }[]
}

/** The result of a rename. */
export interface Renamed {
  readonly entry: PeerEntry
  readonly formerly: Personality
  /** The sessions that go on, under their new identities. */
  readonly running: readonly PeerSession[]
}

const lockPath = (root: string): string => join(rootLayout(root).records.stateDir, 'rename.lock')

/** Returns the identities of a peer before and after a rename, in pairs. */
const pairsOf = ({ from, to, runtimes }: Pick<Pending, 'from' | 'to' | 'runtimes'>): [Identity, Identity][] =>
  runtimes.map((runtime) => {
    const as = (personality: Personality): Identity => formatIdentity({ runtime, personality })
    return [as(from), as(to)]
  })

/** Returns an interrupted rename; undefined where there is none. */
export function unfinishedRename(root: string): Pick<Pending, 'from' | 'to' | 'home'> | undefined {
  return readPending(root)
}

function readPending(root: string): Pending | undefined {
  const json = readIfExists(renamePendingPath(root))
  if (json === undefined) return undefined
  const fields = parseFields(json) ?? {}
  const [ts, from, to, home] = ['ts', 'from', 'to', 'home'].map((name) => text(fields[name]) ?? '')
  if (!ts || !home || from === undefined || to === undefined) return undefined
  if (!isPersonality(from) || !isPersonality(to)) return undefined
  const runtimes = list(fields['runtimes']).flatMap((one) => text(one) ?? [])
  const generations = list(fields['generations']).flatMap((one) => {
    const [gen, identity] = [text(fieldsOf(one)['gen']), text(fieldsOf(one)['identity'])]
    return gen !== undefined && identity !== undefined && isIdentity(identity) ? [{ gen, identity }] : []
  })
  return { ts, from, to, home, runtimes: runtimes.filter(isRuntime), generations }
}

/** Returns every identity of a rename, sorted: all processes lock in one order, so two renames cannot wait for each other. */
const identitiesToLock = (pairs: readonly [Identity, Identity][]): Identity[] =>
  [...new Set(pairs.flat())].sort()

/** Runs `act` while holding the locks of all identities of a rename. @throws IapeerError `lock-held` */
function withLocks<T>(
  root: string,
  pairs: readonly [Identity, Identity][],
  act: () => Promise<T>,
): Promise<T> {
  return identitiesToLock(pairs).reduceRight<() => Promise<T>>(
    (inner, identity) => () => withIdentity(root, identity, inner, LONGEST_LAUNCH_MS),
    act,
  )()
}

/** Like {@link withLocks}, without waiting: returns undefined when another process holds one of the locks. */
function withFreeLocks<T>(
  root: string,
  pairs: readonly [Identity, Identity][],
  act: () => Promise<T>,
): Promise<T | undefined> {
  return identitiesToLock(pairs).reduceRight<() => Promise<T | undefined>>(
    (inner, identity) => () => whileUnclaimed(root, identity, inner),
    act,
  )()
}

/** The sessions of a peer that is renamed. */
interface Sessions {
  readonly running: readonly PeerSession[]
  /** Those whose end is not settled: what follows it is for the daemon to decide, under the new name. */
  readonly ended: readonly PeerSession[]
}

/** Returns the sessions of a peer, after the servers of its interrupted launches were stopped. */
async function sessionsOf(root: string, identities: readonly Identity[]): Promise<Sessions> {
  const running: PeerSession[] = []
  const ended: PeerSession[] = []
  for (const identity of identities) {
    await rebuildSession(root, identity)
    const { session, unsettled } = await statusOf(root, identity)
    if (session !== undefined) running.push(session)
    else await stopUnenrolled(root, identity)
    if (unsettled !== undefined) ended.push(unsettled)
  }
  return { running, ended }
}

/** Checks that the recorders of these sessions can follow a rename. @throws IapeerError `recorder-too-old` */
async function assertRecordersFollow(root: string, sessions: readonly PeerSession[]): Promise<void> {
  const canaries = await listCanaries(rootRecordLocation(root))
  for (const { identity, gen } of sessions) {
    const canary = canaries.find((one) => one.gen === gen)
    if (gen === undefined || canary === undefined || canary.format >= 2) continue
    throw new IapeerError(
      `${identity} was started by an earlier iapeer, whose recorder cannot follow a rename; nothing was changed`,
      { code: 'recorder-too-old', hint: `Restart it first: iapeer restart ${identity}` },
    )
  }
}

/** Does the steps of a rename that follow the change of the profile; can be repeated from any point. */
async function carryOut(root: string, pending: Pending): Promise<void> {
  for (const [before, after] of pairsOf(pending)) await moveIdentity(root, before, after)
  await noteRename(root, { ts: pending.ts, from: pending.from, to: pending.to })
  await rm(renamePendingPath(root), { force: true })
}

/** Gives each generation its old name again, for its recorder. */
async function undo(root: string, pending: Pending): Promise<void> {
  for (const one of pending.generations) await nameGeneration({ ...one, ...rootRecordLocation(root) })
  await rm(renamePendingPath(root), { force: true })
}

/**
 * Finishes an interrupted rename: completes it where the profile has the new name, else undoes it. The caller holds the lock of
 * renames and those of all identities.
 * @throws IapeerError `corrupt-profile`, `invalid-profile`: the profile cannot be read; nothing is changed
 */
async function settlePending(root: string, pending: Pending): Promise<void> {
  const profile = await readProfile(pending.home)
  if (profile?.personality !== pending.to) return undo(root, pending)
  await upsertPeer(root, pending.home)
  return carryOut(root, pending)
}

/** Renames the tmux session, whose name is in the status line of the terminal; a failure is ignored. */
async function changeTitle({ socketPath, server, sessionId }: PeerSession, name: Identity): Promise<void> {
  const handle = new TmuxServer({ socketPath, process: server, timeoutMs: TITLE_MS })
  await handle.run(['rename-session', '-t', sessionId, name])
}

/**
 * Gives a peer another name. Its sessions go on: session, socket and generation stay, and their recorders use the new name. A
 * refused rename changes nothing; an interrupted one is finished by the next command.
 * @throws IapeerError `no-such-peer`, `name-taken`, `recorder-too-old`, `lock-held`, and those of `renamePeer`
 */
export async function renameNamed(root: string, name: string, to: Personality): Promise<Renamed> {
  const lock = await acquireLock(lockPath(root), { limitMs: LONGEST_LAUNCH_MS })
  try {
    const unfinished = readPending(root)
    if (unfinished !== undefined)
      await withLocks(root, pairsOf(unfinished), () => settlePending(root, unfinished))
    const old = getPeer(await listPeers(root), name)
    const { personality: from, home, runtimes } = old
    if (from === to) return { entry: old, formerly: from, running: [] }
    const pairs = pairsOf({ from, to, runtimes })
    return await withLocks(root, pairs, async () => {
      const sessions = await sessionsOf(
        root,
        pairs.map(([before]) => before),
      )
      await assertRecordersFollow(root, sessions.running)
      const generations = [...sessions.running, ...sessions.ended].flatMap(({ gen, identity }) =>
        gen === undefined ? [] : [{ gen, identity }],
      )
      const pending: Pending = { ts: new Date().toISOString(), from, to, home, runtimes, generations }
      await replaceFile(renamePendingPath(root), `${JSON.stringify(pending)}\n`)
      const after = new Map(pairs)
      const entry = await changeNames(root, pending, after)
      await carryOut(root, pending)
      const running: PeerSession[] = []
      for (const session of sessions.running) {
        const identity = after.get(session.identity) ?? session.identity
        await changeTitle(session, identity)
        running.push({ ...session, identity, recordedAs: session.recordedAs ?? session.identity })
      }
      await createEventLog(root).note({ ev: 'rename', identity: pairs[0]?.[1] ?? to, from, to })
      return { entry, formerly: from, running }
    })
  } finally {
    lock.release()
  }
}

/** Changes the names that the recorders read, then profile and registry: all of them or, on an error, none. */
async function changeNames(
  root: string,
  pending: Pending,
  after: ReadonlyMap<Identity, Identity>,
): Promise<PeerEntry> {
  try {
    for (const { gen, identity } of pending.generations)
      await nameGeneration({ identity: after.get(identity) ?? identity, gen, ...rootRecordLocation(root) })
    return await renamePeer(root, pending.from, pending.to)
  } catch (error) {
    try {
      await settlePending(root, pending)
    } catch (failure) {
      // `rename.pending` stays, and the next command continues from it. The first error is the one to report.
      if (!isIapeerError(failure) && errnoOf(failure) === undefined) throw failure
    }
    throw error
  }
}

const UNREADABLE = new Set(['corrupt-profile', 'invalid-profile', 'unusable-file'])

/**
 * Finishes an interrupted rename: completes it where the profile has the new name, else undoes it. Does not wait: does nothing
 * where there is none, another process holds one of its locks, or its profile cannot be read.
 * @returns whether a rename was finished
 */
export async function finishRename(root: string): Promise<boolean> {
  if (!isRenamePending(root)) return false
  const lock = await tryLock(lockPath(root))
  if (lock === undefined) return false
  try {
    const pending = readPending(root)
    if (pending === undefined) {
      // The file is incomplete: nothing is changed before it is written whole.
      await rm(renamePendingPath(root), { force: true })
      return false
    }
    const settled = await withFreeLocks(root, pairsOf(pending), async () => {
      await settlePending(root, pending)
      return true
    })
    return settled ?? false
  } catch (error) {
    if (isIapeerError(error) && UNREADABLE.has(error.code)) return false
    throw error
  } finally {
    lock.release()
  }
}
