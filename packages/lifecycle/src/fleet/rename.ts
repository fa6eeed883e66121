import { existsSync } from 'node:fs'
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
import { rootLayout, rootRecordPlace } from '@iapeer/core/paths'
import { readProfile } from '@iapeer/core/profile'
import { listPeers, type PeerEntry, renamePeer, requirePeer, upsertPeer } from '@iapeer/core/registry'
import { acquireLock, readIfExists, replaceFile, tryLock } from '@iapeer/core/storage'
import { TmuxServer } from '@iapeer/tmux'
import { createEventLog } from '../eventlog/index.ts'
import { clearTheWay } from '../reap/index.ts'
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

const TITLE_MS = 1_000

/** A rename that has begun: `state/rename.pending`. What is found of one was cut off, and is finished by the next command. */
interface Pending {
  readonly ts: string
  readonly from: Personality
  readonly to: Personality
  readonly home: string
  readonly runtimes: readonly Runtime[]
  /** The generations that run, and the identity of each before. */
  readonly generations: readonly { readonly gen: string; readonly identity: Identity }[]
}

export interface Renamed {
  readonly entry: PeerEntry
  readonly formerly: Personality
  /** What went on running, under its new name. */
  readonly running: readonly PeerSession[]
}

const pendingPath = (root: string): string => join(rootLayout(root).records.stateDir, 'rename.pending')
const lockPath = (root: string): string => join(rootLayout(root).records.stateDir, 'rename.lock')

/** The identities of a peer before and after. */
const pairsOf = ({ from, to, runtimes }: Pick<Pending, 'from' | 'to' | 'runtimes'>): [Identity, Identity][] =>
  runtimes.map((runtime) => {
    const as = (personality: Personality): Identity => formatIdentity({ runtime, personality })
    return [as(from), as(to)]
  })

/** A rename that was cut off; undefined where there is none. */
export function unfinishedRename(root: string): Pick<Pending, 'from' | 'to' | 'home'> | undefined {
  return readPending(root)
}

function readPending(root: string): Pending | undefined {
  const json = readIfExists(pendingPath(root))
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

/** Every identity that a rename touches, in one order for all processes: two renames cannot wait for each other. */
const touched = (pairs: readonly [Identity, Identity][]): Identity[] => [...new Set(pairs.flat())].sort()

/** Acts while holding the locks of all identities that are touched. @throws IapeerError `lock-held` */
function withLocks<T>(
  root: string,
  pairs: readonly [Identity, Identity][],
  act: () => Promise<T>,
): Promise<T> {
  return touched(pairs).reduceRight<() => Promise<T>>(
    (inner, identity) => () => withIdentity(root, identity, inner, LONGEST_LAUNCH_MS),
    act,
  )()
}

/** As {@link withLocks}, without waiting: undefined where another process holds one of them. */
function withFreeLocks<T>(
  root: string,
  pairs: readonly [Identity, Identity][],
  act: () => Promise<T>,
): Promise<T | undefined> {
  return touched(pairs).reduceRight<() => Promise<T | undefined>>(
    (inner, identity) => () => whileUnclaimed(root, identity, inner),
    act,
  )()
}

/** What runs of a peer; what has died is settled under its old name. */
async function runningSessions(root: string, identities: readonly Identity[]): Promise<PeerSession[]> {
  const running: PeerSession[] = []
  for (const identity of identities) {
    await rebuildSession(root, identity)
    const { session } = await statusOf(root, identity)
    if (session === undefined) await clearTheWay(root, identity)
    else running.push(session)
  }
  return running
}

/** @throws IapeerError `recorder-too-old` */
async function assertRecordersFollow(root: string, sessions: readonly PeerSession[]): Promise<void> {
  const canaries = await listCanaries(rootRecordPlace(root))
  for (const { identity, gen } of sessions) {
    const canary = canaries.find((one) => one.gen === gen)
    if (gen === undefined || canary === undefined || canary.format >= 2) continue
    throw new IapeerError(
      `${identity} was started by an earlier iapeer, whose recorder cannot follow a rename; nothing was changed`,
      { code: 'recorder-too-old', hint: `Restart it first: iapeer refresh ${identity}` },
    )
  }
}

/** Everything behind the change of the profile; may be begun again at any point. */
async function carryOut(root: string, pending: Pending): Promise<void> {
  for (const [before, after] of pairsOf(pending)) await moveIdentity(root, before, after)
  await noteRename(root, { ts: pending.ts, from: pending.from, to: pending.to })
  await rm(pendingPath(root), { force: true })
}

/** The recorders call each generation by its old name again. */
async function undo(root: string, pending: Pending): Promise<void> {
  for (const one of pending.generations) await nameGeneration({ ...one, ...rootRecordPlace(root) })
  await rm(pendingPath(root), { force: true })
}

/**
 * Finishes a rename that did not reach its end: forward where the profile has the new name, else back. The caller holds the lock
 * of renames and those of all identities.
 * @throws IapeerError `corrupt-profile`, `invalid-profile`: the profile does not say which; nothing is changed
 */
async function settlePending(root: string, pending: Pending): Promise<void> {
  const profile = await readProfile(pending.home)
  if (profile?.personality !== pending.to) return undo(root, pending)
  await upsertPeer(root, pending.home)
  return carryOut(root, pending)
}

/** What its terminal shows at the bottom; that it cannot be changed is no failure. */
async function changeTitle({ socketPath, server, sessionId }: PeerSession, name: Identity): Promise<void> {
  const handle = new TmuxServer({ socketPath, process: server, timeoutMs: TITLE_MS })
  await handle.run(['rename-session', '-t', sessionId, name])
}

/**
 * Gives a peer another name. What runs of it goes on: session, socket and generation stay, and its recorder calls it by the
 * new name. A refused rename changes nothing; one that is cut off is finished by the next command.
 * @throws IapeerError `no-such-peer`, `name-taken`, `recorder-too-old`, `lock-held`, and those of `renamePeer`
 */
export async function renameNamed(root: string, name: string, to: Personality): Promise<Renamed> {
  const lock = await acquireLock(lockPath(root), { limitMs: LONGEST_LAUNCH_MS })
  try {
    const cutOff = readPending(root)
    if (cutOff !== undefined) await withLocks(root, pairsOf(cutOff), () => settlePending(root, cutOff))
    const old = requirePeer(await listPeers(root), name)
    const { personality: from, home, runtimes } = old
    if (from === to) return { entry: old, formerly: from, running: [] }
    const pairs = pairsOf({ from, to, runtimes })
    return await withLocks(root, pairs, async () => {
      const sessions = await runningSessions(
        root,
        pairs.map(([before]) => before),
      )
      await assertRecordersFollow(root, sessions)
      const generations = sessions.flatMap(({ gen, identity }) =>
        gen === undefined ? [] : [{ gen, identity }],
      )
      const pending: Pending = { ts: new Date().toISOString(), from, to, home, runtimes, generations }
      await replaceFile(pendingPath(root), `${JSON.stringify(pending)}\n`)
      const after = new Map(pairs)
      const entry = await changeNames(root, pending, after)
      await carryOut(root, pending)
      const running: PeerSession[] = []
      for (const session of sessions) {
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

/** The notes for the recorders first, then profile and registry; all of it or nothing. */
async function changeNames(
  root: string,
  pending: Pending,
  after: ReadonlyMap<Identity, Identity>,
): Promise<PeerEntry> {
  try {
    for (const { gen, identity } of pending.generations)
      await nameGeneration({ identity: after.get(identity) ?? identity, gen, ...rootRecordPlace(root) })
    return await renamePeer(root, pending.from, pending.to)
  } catch (error) {
    try {
      await settlePending(root, pending)
    } catch (failure) {
      // `rename.pending` stays, and the next command goes on from it. The first error is the one to report.
      if (!isIapeerError(failure) && errnoOf(failure) === undefined) throw failure
    }
    throw error
  }
}

const UNREADABLE = new Set(['corrupt-profile', 'invalid-profile', 'unusable-file'])

/**
 * Finishes a rename that was cut off: forward where its profile has the new name, else back. Never waits: does nothing where there
 * is none, another process holds one of its locks, or its profile cannot be read.
 * @returns whether one was finished
 */
export async function finishRename(root: string): Promise<boolean> {
  if (!existsSync(pendingPath(root))) return false
  const lock = await tryLock(lockPath(root))
  if (lock === undefined) return false
  try {
    const pending = readPending(root)
    if (pending === undefined) {
      // A file that was cut off itself: nothing was changed before it was whole.
      await rm(pendingPath(root), { force: true })
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
