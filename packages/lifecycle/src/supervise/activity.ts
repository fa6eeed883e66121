import { parseIdentity } from '@iapeer/core/identity'
import { readProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { TmuxServer } from '@iapeer/tmux'
import { isAttached, paneLogOf } from '../launch/index.ts'
import { adapterOf, environmentOf, readLaunchEnv } from '../runtimes/index.ts'
import type { PeerSession, Turn } from '../sessions/index.ts'
import type { Activity } from './decide.ts'
import type { SuperviseSettings } from './settings.ts'
import type { SleepClock } from './sleep-clock.ts'

const ATTACHED_TIMEOUT_MS = 1_000

async function hasAttachedClient({ socketPath, server }: PeerSession): Promise<boolean> {
  return isAttached(new TmuxServer({ socketPath, process: server, timeoutMs: ATTACHED_TIMEOUT_MS }))
}

/** Returns the time of the last activity of a session, in milliseconds since the epoch. */
async function lastActivity(root: string, entry: PeerEntry, session: PeerSession): Promise<number> {
  const parts = parseIdentity(session.identity)
  const startedAt = Date.parse(session.readyAt ?? session.startedAt)
  if (parts === undefined) return startedAt
  const launchEnv = await readLaunchEnv(entry.home, parts.runtime)
  const env = environmentOf(process.env, launchEnv, parts, entry.home)
  const location = { env, cwd: entry.cwd, paneLog: paneLogOf(root, parts) }
  const newest = await adapterOf(parts.runtime).newestActivity(location)
  return Math.max(newest ?? 0, startedAt)
}

/** The input of {@link activityOf}. */
export interface ActivityInput {
  readonly root: string
  readonly entry: PeerEntry
  readonly session: PeerSession
  readonly settings: SuperviseSettings
  readonly clock: SleepClock
  /** What the agent does; undefined if it was not looked at. */
  readonly turn?: Turn | undefined
}

/**
 * Returns how long the session may be idle, in seconds; 0: without limit, the default for `command`, whose output alone does
 * not show that it is idle.
 */
function idleLimit(input: ActivityInput, idleSecs: number | undefined): number {
  if (idleSecs !== undefined) return idleSecs
  return input.session.identity.startsWith('command-') ? 0 : input.settings.idleSecs
}

/**
 * Returns since when a session does nothing, in milliseconds since the epoch; undefined while it works or waits for a person. The files
 * of a working directory decide only where nothing tells what the agent does: they can be those of another peer.
 */
async function idleSince({ root, entry, session, turn }: ActivityInput): Promise<number | undefined> {
  const isTold = turn !== undefined && turn.state !== 'unknown' && turn.source !== 'output'
  if (isTold && (turn.state === 'working' || turn.state === 'blocked')) return undefined
  if (turn?.hasShell === true) return undefined
  const since = isTold ? Date.parse(turn.failedAt ?? turn.since ?? '') : Number.NaN
  if (Number.isNaN(since)) return lastActivity(root, entry, session)
  return Math.max(since, Date.parse(session.readyAt ?? session.startedAt))
}

/** Returns the activity of a running session. Asks tmux for attached clients only if the session has been idle for too long. */
export async function activityOf(input: ActivityInput): Promise<Activity> {
  const { entry, session, settings, clock } = input
  const profile = await readProfile(entry.home)
  const limitSecs = idleLimit(input, profile?.idleSecs)
  const isEphemeral = profile?.wakePolicy === 'ephemeral'
  if (!isEphemeral && limitSecs === 0) return 'busy'
  const activeAt = await idleSince(input)
  if (activeAt === undefined) return 'busy'
  const idleSecs = clock.awakeMsSince(activeAt) / 1_000
  const hasWorked = activeAt > Date.parse(session.readyAt ?? session.startedAt)
  const quietSecs = hasWorked ? settings.ephemeralQuietSecs : settings.ephemeralUnarmedSecs
  const activity: Activity =
    isEphemeral && idleSecs >= quietSecs ? 'done' : limitSecs > 0 && idleSecs >= limitSecs ? 'idle' : 'busy'
  return activity === 'busy' || (await hasAttachedClient(session)) ? 'busy' : activity
}
