import { mapLimit } from '@iapeer/core/async'
import { isIapeerError } from '@iapeer/core/errors'
import { type IdentityParts, parseIdentity } from '@iapeer/core/identity'
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
import { dialogsLeft, type LeftDialogs } from './screen/dialog-answers.ts'

/** Time limit for one tmux command. A server that is slower is tried again at the next call. */
const TMUX_MS = 1_000
/** Time limit for answering known dialogs that follow each other. */
const DIALOGS_MS = 5_000
/** How many launches are finished at a time. */
const CONCURRENCY = 8

const PROFILE_GONE = "iapeer cannot find the peer's profile, so it does not answer. Attach and answer."
/** The dialogs that are not answered for a peer whose profile is gone. */
const UNKNOWN_PROFILE: LeftDialogs = { 'folder trust': PROFILE_GONE, 'bypass permissions': PROFILE_GONE }

/**
 * Returns the first message of a session, and the dialogs that iapeer must not answer for it. A conversation that is resumed has had
 * its first message.
 */
async function bootSettings(
  root: string,
  { personality, runtime }: IdentityParts,
  { conversation }: PeerSession,
): Promise<{ readonly message: string | undefined; readonly left: LeftDialogs }> {
  const entry = await findPeer(root, personality)
  const profile = entry === undefined ? undefined : await readProfile(entry.home)
  if (entry === undefined || profile === undefined) return { message: undefined, left: UNKNOWN_PROFILE }
  const message = conversation?.resumed === true ? undefined : profile.initialPrompt
  return { message, left: await dialogsLeft(root, entry, { profile, runtime }) }
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
      ...(await bootSettings(root, parts, session)),
      wasTyped: blocked.typedAt !== undefined,
      isShared: true,
      onTyping,
    })
  } catch (error) {
    // The supervisor settles the end of this session.
    if (isIapeerError(error) && error.code === 'program-ended') return undefined
    throw error
  }
}

const isSameObstacle = (one: Obstacle, other: Obstacle): boolean =>
  one.screen === other.screen && one.dialog === other.dialog && one.hint === other.hint

async function noteObstacle(root: string, session: PeerSession, obstacle: Obstacle): Promise<PeerSession> {
  const { blocked } = session
  if (blocked === undefined || isSameObstacle(blocked, obstacle)) return session
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

/** Returns the enrolled session if it is the same one as `session`, still runs, and its server responds. */
async function currentSession(root: string, session: PeerSession): Promise<PeerSession | undefined> {
  const { state, session: now } = await statusOf(root, session.identity)
  const isSame = now?.gen === session.gen && now?.startedAt === session.startedAt
  return isSame && state !== 'unresponsive' ? now : undefined
}

/**
 * Finishes a blocked launch if a person has answered the dialog that blocked it: answers the known dialogs that follow, sends
 * the first message, and enrols the peer as ready. Otherwise updates why the launch is blocked. Never waits for a person.
 *
 * The first message is typed at most once, because the attempt is on disk before the message is typed. If the process that
 * types it is killed, the next process sends the message if it is still in the input row. If it is not there, that process does
 * not type it again, and the `launch` event says that it is unknown whether the program received it.
 * @returns the session as it is now; undefined if it has ended, its tmux server does not respond, or another process holds the
 *   identity's lock
 * @throws IapeerError `runtime-unknown`, those of `readProfile` and `findPeer`
 */
export function finishLaunch(root: string, session: PeerSession): Promise<PeerSession | undefined> {
  return whileUnclaimed(root, session.identity, async () => {
    const now = await currentSession(root, session)
    if (now?.blocked === undefined || phaseOf(now) !== 'blocked') return now
    const result = await boot(root, now, now.blocked)
    // Read again, so that `typedAt`, which was written during the boot, is kept.
    const after = await currentSession(root, session)
    if (result === undefined || after === undefined) return after
    return result.kind === 'ready'
      ? noteReady(root, after, result.message)
      : noteObstacle(root, after, result.obstacle)
  })
}

/**
 * Calls {@link finishLaunch} for every blocked peer, several at a time. Unreadable files of one peer do not affect the others.
 */
export async function finishLaunches(root: string): Promise<void> {
  const blocked = (await listSessions(root)).filter((session) => phaseOf(session) === 'blocked')
  await mapLimit(blocked, CONCURRENCY, (session) => finishLaunch(root, session).catch(ignoreUnreadable))
}
