import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Claim, reconcile, restoreState } from '@iapeer/canary'
import { rootRecordLocation } from '@iapeer/core/paths'
import { observeProcess, observeSocket } from '@iapeer/core/process'
import {
  changeTally,
  endingGenOf,
  endOfClaim,
  filesOfGen,
  hasMark,
  isBeforeBoot,
  isFailedResume,
  type LastEnd,
  type PeerSession,
  readClaim,
  recordedAs,
  removeSession,
  type Tally,
  withoutFailedResumes,
} from '../sessions/index.ts'
import { finishSession } from './finish.ts'
import { endConversation, keepWithDeath, withConversation } from './keep-conversation.ts'

/** A running recorder writes its claim well within this time. */
const CLAIM_MS = 1_000
/** How long the recorder may take until it has asked systemd. */
const SYSTEM_MS = 2_000
/** A session that ran this long was healthy: the count of restarts starts again. In milliseconds. */
const HEALTHY_MS = 10 * 60_000

/** How an enrolled session ended, according to its record. */
export interface Settled {
  readonly session: PeerSession
  readonly end: LastEnd
  /** `<identity>-<gen>`, from the present identity; undefined where it was stopped on purpose, or nothing is recorded. */
  readonly deathId: string | undefined
  readonly event: 'server-exit' | 'session-exit' | undefined
  /** When it ended, ISO-8601. */
  readonly ts: string
  readonly tally: Tally
}

/** By root, the run that reconciles it. */
const running = new Map<string, Promise<unknown>>()
/** By root, the run that follows. */
const following = new Map<string, Promise<unknown>>()

function beginReconciling(root: string): Promise<unknown> {
  const run = reconcile(rootRecordLocation(root)).finally(() => running.delete(root))
  running.set(root, run)
  return run
}

/**
 * Reconciles a root, from a time after the call: a run that began before it may have looked at a server while that was still running.
 * Calls share a run.
 */
function reconcileFromNow(root: string): Promise<unknown> {
  const before = running.get(root)
  if (before === undefined) return beginReconciling(root)
  const known = following.get(root)
  if (known !== undefined) return known
  const next = before
    .catch(() => undefined)
    .then(() => {
      following.delete(root)
      return running.get(root) ?? beginReconciling(root)
    })
  following.set(root, next)
  return next
}

const SYSTEMD = '/run/systemd/system'

/**
 * Waits, at most {@link SYSTEM_MS}, until the claim of a server has the view of systemd, which is added shortly after the facts
 * where systemd runs the host.
 */
async function awaitSystem(root: string, session: PeerSession, claim: Claim): Promise<Claim> {
  const { gen } = session
  if (gen === undefined || claim.event !== 'server-exit' || !existsSync(SYSTEMD)) return claim
  const until = performance.now() + SYSTEM_MS
  for (let now = claim; ; now = readClaim(root, { ...session, gen }) ?? now) {
    const isRecorderGone = now.recorder !== undefined && (await observeProcess(now.recorder)) === 'gone'
    if (now.system !== undefined || isRecorderGone || performance.now() >= until) return now
    await sleep(20)
  }
}

/**
 * What is known of the end of a session: its claim; `none` if it was stopped on purpose, or has no recorder; `later` while its recorder,
 * or another process that settles it, has neither claimed it nor left it.
 */
type Found = Claim | 'none' | 'later'

/** Waits for the recorder of a session to claim its end; where it has none, records it by reconciling. */
async function findClaim(root: string, session: PeerSession): Promise<Found> {
  const { gen } = session
  if (gen === undefined) return 'none'
  const generation = { ...session, gen }
  const isOpen = (): boolean => existsSync(filesOfGen(root, generation).state)
  if ((await observeProcess(session.server)) !== 'gone') await finishSession(root, session)
  const until = performance.now() + CLAIM_MS
  while (performance.now() < until) {
    const claim = readClaim(root, generation)
    if (claim !== undefined) return awaitSystem(root, session, claim)
    // After a teardown the recorder removes its state without a claim.
    if (!isOpen()) break
    await sleep(20)
  }
  await reconcileFromNow(root)
  // First the state: its removal follows the claim.
  const wasOpen = isOpen()
  const claim = readClaim(root, generation)
  if (claim !== undefined) return claim
  if (wasOpen) return 'later'
  // A power cut can empty the state of a recorder that was armed just before; the session file was synced.
  const { server, socketPath, startedAt } = session
  const place = { server, socketPath, isOfEarlierBoot: isBeforeBoot(startedAt) }
  if (!(await restoreState({ ...recordedAs(root, generation), ...place }))) return 'none'
  await reconcileFromNow(root)
  const isStillOpen = isOpen()
  return readClaim(root, generation) ?? (isStillOpen ? 'later' : 'none')
}

/** Returns how a session ended. */
function lastEndOf(found: Found, session: PeerSession, wasSuspended: boolean): LastEnd {
  // A claim means a death, even if a stop was requested after it.
  if (found === 'later' || (found === 'none' && session.gen === undefined)) return 'crash'
  if (found === 'none') return wasSuspended ? 'idle' : 'stopped'
  return endOfClaim(found)
}

/** Returns whether the end of a session is in the tally: its launch failed, or a kill came between its count and its removal. */
const wasCounted = ({ endings }: Tally, session: PeerSession): boolean =>
  endings.some(({ gen }) => gen === endingGenOf(session))

function withEnding(
  tally: Tally,
  session: PeerSession,
  ended: {
    readonly end: LastEnd
    readonly ts: string
    readonly isRecorded: boolean
    /** The unit of the server was stopped: a death, but not the fault of the peer, so no part of a crash loop. */
    readonly isUnitStop: boolean
  },
): Tally {
  const gen = endingGenOf(session)
  const { end, ts, isUnitStop } = ended
  // Its launch failed, and was counted before the end was known.
  if (wasCounted(tally, session)) {
    const endings = tally.endings.map((one) =>
      one.gen === gen ? { ...one, ts, death: ended.isRecorded } : one,
    )
    return { ...tally, endings, lastEnd: end }
  }
  const isCounted = !isUnitStop && !isFailedResume(session)
  const wasHealthy = Date.parse(ts) - Date.parse(session.startedAt) >= HEALTHY_MS
  return {
    ...(session.readyAt === undefined ? tally : withoutFailedResumes(tally)),
    endings: [...tally.endings, { gen, ts, crash: end === 'crash' && isCounted, death: ended.isRecorded }],
    restarts: wasHealthy ? 0 : tally.restarts,
    lastEnd: end,
  }
}

/** Removes the socket of a session whose server has exited: tmux leaves it. Another server may use the path by now. */
async function removeSocket({ server, socketPath }: PeerSession): Promise<void> {
  if ((await observeProcess(server)) !== 'gone' || (await observeSocket(socketPath)) !== 'refused') return
  await rm(socketPath, { force: true })
}

/** How a session is settled. */
export interface SettleOptions {
  /**
   * Adds to the tally what follows; written together with the count, so that a kill in between loses both or neither. `isPlanned`: the
   * end was counted before, so what follows may be in the tally.
   * @default nothing follows
   */
  readonly plan?: (tally: Tally, end: LastEnd, isPlanned: boolean) => Tally
  /** Settles it as a crash where its end is not recorded yet: the recorder goes on. @default false */
  readonly isUrgent?: boolean
}

/**
 * Settles a session that has ended: waits some seconds for its record, counts the end once in the tally, and removes the session file.
 * The caller holds the lock of its identity.
 * @returns undefined if its end is not recorded yet, for example because its recorder cannot open a file: nothing has changed
 */
export async function settleEnded(
  root: string,
  session: PeerSession,
  options: SettleOptions & { readonly isUrgent: true },
): Promise<Settled>
export async function settleEnded(
  root: string,
  session: PeerSession,
  options?: SettleOptions,
): Promise<Settled | undefined>
export async function settleEnded(
  root: string,
  session: PeerSession,
  { plan = (tally) => tally, isUrgent = false }: SettleOptions = {},
): Promise<Settled | undefined> {
  const found = await findClaim(root, session)
  if (found === 'later' && !isUrgent) return undefined
  const claim = typeof found === 'string' ? undefined : found
  const { identity, gen } = session
  const end = lastEndOf(found, session, hasMark(root, identity, 'idle'))
  const ts = claim?.ts ?? new Date().toISOString()
  const isUnitStop = claim?.system === 'service-stop'
  const ended = { end, ts, isRecorded: claim !== undefined, isUnitStop }
  const conversation = await endConversation(session)
  if (claim !== undefined) await keepWithDeath(root, session, conversation)
  const tally = await changeTally(root, identity, (before) =>
    plan(
      withConversation(withEnding(before, session, ended), conversation),
      end,
      wasCounted(before, session),
    ),
  )
  await removeSocket(session)
  await removeSession(root, identity)
  const deathId = claim === undefined ? undefined : `${identity}-${gen}`
  return { session, end, deathId, event: claim?.event, ts, tally }
}
