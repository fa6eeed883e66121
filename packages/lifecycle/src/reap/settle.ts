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

const inProgress = new Map<string, Promise<unknown>>()

/** Reconciles a root; concurrent calls share one run. */
function reconcileOnce(root: string): Promise<unknown> {
  const running = inProgress.get(root)
  if (running !== undefined) return running
  const started = reconcile(rootRecordLocation(root)).finally(() => inProgress.delete(root))
  inProgress.set(root, started)
  return started
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

/** Waits for the recorder of a session to claim its end; where it has none, records it by reconciling. */
async function claimOf(root: string, session: PeerSession): Promise<Claim | undefined> {
  const { gen } = session
  if (gen === undefined) return undefined
  const generation = { ...session, gen }
  if ((await observeProcess(session.server)) !== 'gone') await finishSession(root, session)
  const until = performance.now() + CLAIM_MS
  while (performance.now() < until) {
    const claim = readClaim(root, generation)
    if (claim !== undefined) return awaitSystem(root, session, claim)
    // After a teardown the recorder removes its state without a claim.
    if (!existsSync(filesOfGen(root, generation).state)) break
    await sleep(20)
  }
  await reconcileOnce(root)
  const claim = readClaim(root, generation)
  if (claim !== undefined) return claim
  // A power cut can empty the state of a recorder that was armed just before; the session file was synced.
  const { server, socketPath, startedAt } = session
  const place = { server, socketPath, isOfEarlierBoot: isBeforeBoot(startedAt) }
  if (!(await restoreState({ ...recordedAs(root, generation), ...place }))) return undefined
  await reconcileOnce(root)
  return readClaim(root, generation)
}

/** Returns how a session ended. */
function lastEndOf(claim: Claim | undefined, session: PeerSession, wasSuspended: boolean): LastEnd {
  // A claim means a death, even if a stop was requested after it.
  if (claim === undefined && session.gen === undefined) return 'crash'
  if (claim === undefined) return wasSuspended ? 'idle' : 'stopped'
  return endOfClaim(claim)
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

/**
 * Settles a session that has ended: waits for its record, counts the end once in the tally, and removes the session file. The
 * caller holds the lock of its identity.
 * @param plan adds to the tally what follows; written together with the count, so that a kill in between loses both or neither.
 *   `isPlanned`: the end was counted before, so what follows may be in the tally
 */
export async function settleEnded(
  root: string,
  session: PeerSession,
  plan: (tally: Tally, end: LastEnd, isPlanned: boolean) => Tally = (tally) => tally,
): Promise<Settled> {
  const claim = await claimOf(root, session)
  const { identity, gen } = session
  const end = lastEndOf(claim, session, hasMark(root, identity, 'idle'))
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
