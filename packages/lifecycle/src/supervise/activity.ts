import { parseIdentity } from '@iapeer/core/identity'
import { readProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { TmuxServer } from '@iapeer/tmux'
import { isAttached, paneLogOf } from '../launch/index.ts'
import { adapterOf, environmentOf, readLaunchEnv } from '../runtimes/index.ts'
import type { PeerSession } from '../sessions/index.ts'
import type { Activity } from './decide.ts'
import type { SuperviseSettings } from './settings.ts'
import type { SleepClock } from './sleep-clock.ts'

const ATTACHED_TIMEOUT_MS = 1_000

async function hasPerson({ socketPath, server }: PeerSession): Promise<boolean> {
  return isAttached(new TmuxServer({ socketPath, process: server, timeoutMs: ATTACHED_TIMEOUT_MS }))
}

/** When it last did anything, in milliseconds since the epoch. */
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

export interface ActivityInput {
  readonly root: string
  readonly entry: PeerEntry
  readonly session: PeerSession
  readonly settings: SuperviseSettings
  readonly clock: SleepClock
}

/** How long it may be idle, in seconds; 0 for ever. A program of which nobody knows what idle means is never parked. */
function idleLimit(input: ActivityInput, idleSecs: number | undefined): number {
  if (idleSecs !== undefined) return idleSecs
  return input.session.identity.startsWith('command-') ? 0 : input.settings.idleSecs
}

/** What a session that lives is at. Only one that has been idle for too long is asked whether somebody is attached. */
export async function activityOf(input: ActivityInput): Promise<Activity> {
  const { root, entry, session, settings, clock } = input
  const profile = await readProfile(entry.home)
  const limitSecs = idleLimit(input, profile?.idleSecs)
  const isEphemeral = profile?.wakePolicy === 'ephemeral'
  if (!isEphemeral && limitSecs === 0) return 'busy'
  const at = await lastActivity(root, entry, session)
  const idleSecs = clock.awakeMsSince(at) / 1_000
  const worked = at > Date.parse(session.readyAt ?? session.startedAt)
  const quiet = worked ? settings.ephemeralQuietSecs : settings.ephemeralUnarmedSecs
  const activity: Activity =
    isEphemeral && idleSecs >= quiet ? 'done' : limitSecs > 0 && idleSecs >= limitSecs ? 'idle' : 'busy'
  return activity === 'busy' || (await hasPerson(session)) ? 'busy' : activity
}
