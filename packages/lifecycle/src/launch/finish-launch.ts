import { mapLimit } from '@iapeer/core/async'
import { isIapeerError } from '@iapeer/core/errors'
import { parseIdentity } from '@iapeer/core/identity'
import { readProfile } from '@iapeer/core/profile'
import { findPeer } from '@iapeer/core/registry'
import { TmuxServer } from '@iapeer/tmux'
import { createEventLog } from '../eventlog/index.ts'
import { adapterOf } from '../runtimes/index.ts'
import {
  type BlockedLaunch,
  ignoreUnreadable,
  listSessions,
  type PeerSession,
  phaseOf,
  statusOf,
  whileUnclaimed,
  writeSession,
} from '../sessions/index.ts'
import { paneLogOf } from './plan.ts'
import { type Boot, bootRuntime, type Obstacle } from './screen/boot.ts'

/** A server that answers no sooner is looked at another time. */
const TMUX_MS = 1_000
/** For known dialogs that follow each other. */
const DIALOGS_MS = 5_000
const AT_ONCE = 8

/** Returns the first message of a peer; undefined where its profile is gone. */
async function firstMessage(root: string, personality: string): Promise<string | undefined> {
  const entry = await findPeer(root, personality)
  return entry === undefined ? undefined : (await readProfile(entry.home))?.initialPrompt
}

async function boot(root: string, session: PeerSession, blocked: BlockedLaunch): Promise<Boot | undefined> {
  const { identity, socketPath, server, leader, paneId } = session
  const parts = parseIdentity(identity)
  if (parts === undefined) return undefined
  const pane = {
    identity,
    adapter: adapterOf(parts.runtime),
    handle: new TmuxServer({ socketPath, process: server, timeoutMs: TMUX_MS }),
    paneId,
    leader,
    paneLog: { path: paneLogOf(root, parts), from: 0 },
    deadline: performance.now() + DIALOGS_MS,
  }
  const onTyping = async (): Promise<void> => {
    const typedAt = new Date().toISOString()
    await writeSession(root, { ...session, blocked: { ...blocked, typedAt } })
  }
  try {
    return await bootRuntime(pane, {
      message: await firstMessage(root, parts.personality),
      wasTyped: blocked.typedAt !== undefined,
      isShared: true,
      onTyping,
    })
  } catch (error) {
    // Its end is settled by those who supervise it.
    if (isIapeerError(error) && error.code === 'program-ended') return undefined
    throw error
  }
}

const isSame = (one: Obstacle, other: Obstacle): boolean =>
  one.screen === other.screen && one.dialog === other.dialog && one.hint === other.hint

async function noteObstacle(root: string, session: PeerSession, obstacle: Obstacle): Promise<PeerSession> {
  const { blocked } = session
  if (blocked === undefined || isSame(blocked, obstacle)) return session
  const { since, typedAt } = blocked
  const screen = obstacle.screen === '' ? blocked.screen : obstacle.screen
  const after = { ...session, blocked: { since, ...obstacle, screen, typedAt } }
  await writeSession(root, after)
  return after
}

async function noteReady(
  root: string,
  session: PeerSession,
  message: 'none' | 'given' | 'unknown',
): Promise<PeerSession> {
  const now = new Date()
  const { blocked: _blocked, ...rest } = session
  const ready = { ...rest, readyAt: now.toISOString() }
  await writeSession(root, ready)
  const { identity, gen, startedAt } = session
  const ms = Math.max(0, now.getTime() - Date.parse(startedAt))
  await createEventLog(root).note({ ev: 'launch', identity, gen, ms, message })
  return ready
}

/** The session that is enrolled for the same life of a peer, if that lives and answers. */
async function current(root: string, session: PeerSession): Promise<PeerSession | undefined> {
  const { state, session: now } = await statusOf(root, session.identity)
  const isSameLife = now?.gen === session.gen && now?.startedAt === session.startedAt
  return isSameLife && state !== 'unresponsive' ? now : undefined
}

/**
 * Looks at a peer whose launch is blocked, and finishes the launch if a person has answered what blocked it: answers the known
 * dialogs that follow, gives the first message, and enrols the peer as ready. Else updates what blocks it.
 *
 * The message is given once: the attempt is on disk before it is typed. If the process that types it is killed, the next one
 * sends the message if the input row holds it; else it does not type it again, and the `launch` event says that it is not
 * known whether the peer has it. Never waits for a person.
 * @returns the session as it is now; undefined where it has ended, does not answer, or another process is at it
 * @throws IapeerError `runtime-unknown`, those of `readProfile` and `findPeer`
 */
export function finishLaunch(root: string, session: PeerSession): Promise<PeerSession | undefined> {
  return whileUnclaimed(root, session.identity, async () => {
    const now = await current(root, session)
    if (now?.blocked === undefined || phaseOf(now) !== 'blocked') return now
    const result = await boot(root, now, now.blocked)
    // What was noted while it was typed into must not be lost.
    const after = await current(root, session)
    if (result === undefined || after === undefined) return after
    return result.kind === 'ready'
      ? noteReady(root, after, result.message)
      : noteObstacle(root, after, result.obstacle)
  })
}

/** {@link finishLaunch} of every peer whose launch is blocked, some at a time; what fails for one keeps no other from it. */
export async function finishLaunches(root: string): Promise<void> {
  const blocked = (await listSessions(root)).filter((session) => phaseOf(session) === 'blocked')
  await mapLimit(blocked, AT_ONCE, (session) => finishLaunch(root, session).catch(ignoreUnreadable))
}
