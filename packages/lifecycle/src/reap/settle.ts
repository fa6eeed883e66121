import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Claim, reconcile } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcess } from '@iapeer/core/process'
import {
  changeTally,
  filesOfGen,
  hasMark,
  type LastEnd,
  type PeerSession,
  readClaim,
  removeSession,
  type Tally,
} from '../sessions/index.ts'
import { finishSession } from './finish.ts'

/** A recorder that lives has written its claim long before. */
const CLAIM_MS = 1_000
/** So long its recorder may ask systemd, and what comes before that. */
const SYSTEM_MS = 2_000
/** A session that has lived for so long was healthy: its restarts before are forgotten, in milliseconds. */
const HEALTHY_MS = 10 * 60_000

/** How an enrolled session ended, by what was recorded of it. */
export interface Settled {
  readonly session: PeerSession
  readonly end: LastEnd
  /** `<identity>-<gen>` of its record; undefined where it was ended on purpose, or nothing is recorded. */
  readonly deathId: string | undefined
  readonly event: 'server-exit' | 'session-exit' | undefined
  /** When, ISO-8601. */
  readonly ts: string
  readonly tally: Tally
}

const underWay = new Map<string, Promise<unknown>>()

/** One at a time for a root, however many sessions ended at once. */
function reconcileOnce(root: string): Promise<unknown> {
  const running = underWay.get(root)
  if (running !== undefined) return running
  const started = reconcile(rootRecordLocation(root)).finally(() => underWay.delete(root))
  underWay.set(root, started)
  return started
}

const SYSTEMD = '/run/systemd/system'

/**
 * What systemd says of the end of a server stands in its claim some moments after the facts, where systemd runs the host.
 */
async function withSystem(root: string, session: PeerSession, claim: Claim): Promise<Claim> {
  const { gen } = session
  if (gen === undefined || claim.event !== 'server-exit' || !existsSync(SYSTEMD)) return claim
  const until = performance.now() + SYSTEM_MS
  for (let now = claim; ; now = readClaim(root, { ...session, gen }) ?? now) {
    const isOver = now.recorder !== undefined && (await observeProcess(now.recorder)) === 'gone'
    if (now.system !== undefined || isOver || performance.now() >= until) return now
    await sleep(20)
  }
}

/** Waits for whoever records it; has it recorded where nobody does. */
async function claimOf(root: string, session: PeerSession): Promise<Claim | undefined> {
  const { gen } = session
  if (gen === undefined) return undefined
  const generation = { ...session, gen }
  if ((await observeProcess(session.server)) !== 'gone') await finishSession(root, session)
  const until = performance.now() + CLAIM_MS
  while (performance.now() < until) {
    const claim = readClaim(root, generation)
    if (claim !== undefined) return withSystem(root, session, claim)
    // The recorder of a teardown leaves no claim, and no state.
    if (!existsSync(filesOfGen(root, generation).state)) break
    await sleep(20)
  }
  await reconcileOnce(root)
  return readClaim(root, generation)
}

function lastEndOf(claim: Claim | undefined, session: PeerSession, wasSuspended: boolean): LastEnd {
  // A death that came before the teardown is one, whatever was meant.
  if (claim === undefined && session.gen === undefined) return 'crash'
  if (claim === undefined) return wasSuspended ? 'idle' : 'stopped'
  // Its recorder has seen the host go down, or nobody was left to see it.
  if (claim.rc === 'boot' || claim.system === 'host-shutdown') return 'reboot'
  return claim.event === 'session-exit' && claim.rc === '0' ? 'self-close' : 'crash'
}

function counted(
  tally: Tally,
  session: PeerSession,
  ended: { readonly end: LastEnd; readonly ts: string; readonly isRecorded: boolean },
): Tally {
  const gen = session.gen ?? session.startedAt
  if (tally.endings.some((one) => one.gen === gen)) return tally
  const { end, ts } = ended
  const wasHealthy = Date.parse(ts) - Date.parse(session.startedAt) >= HEALTHY_MS
  return {
    ...tally,
    endings: [...tally.endings, { gen, ts, crash: end === 'crash', death: ended.isRecorded }],
    restarts: wasHealthy ? 0 : tally.restarts,
    lastEnd: end,
  }
}

/**
 * Sees a session that has ended to its end: its death is recorded, counted once, and it is enrolled no more. For who holds
 * the lock of its identity.
 * @param plan what is to follow, remembered with the count: whoever is killed in between has done neither
 */
export async function settleEnded(
  root: string,
  session: PeerSession,
  plan: (tally: Tally, end: LastEnd) => Tally = (tally) => tally,
): Promise<Settled> {
  const claim = await claimOf(root, session)
  const { identity, gen } = session
  const end = lastEndOf(claim, session, hasMark(root, identity, 'idle'))
  const ts = claim?.ts ?? new Date().toISOString()
  const ended = { end, ts, isRecorded: claim !== undefined }
  const tally = await changeTally(root, identity, (before) => plan(counted(before, session, ended), end))
  await removeSession(root, identity)
  const deathId = claim === undefined ? undefined : `${identity}-${gen}`
  return { session, end, deathId, event: claim?.event, ts, tally }
}
