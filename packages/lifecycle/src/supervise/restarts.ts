import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { type Identity, parseIdentity } from '@iapeer/core/identity'
import { rootLayout } from '@iapeer/core/paths'
import { listPeers, type PeerEntry } from '@iapeer/core/registry'
import { withLock } from '@iapeer/core/storage'
import type { EventLog } from '../eventlog/event-log.ts'
import { launchPeer } from '../launch/launch.ts'
import { identityLockPath } from '../sessions/identity-lock.ts'
import { hasMark } from '../sessions/marks.ts'
import { changeTally, readTally, type Tally } from '../sessions/tally.ts'
import { isInLoop, withSequel } from './aftermath.ts'
import { backOffMs, type Sequel } from './decide.ts'
import type { SuperviseSettings } from './settings.ts'

export interface RestartOptions {
  readonly settings: SuperviseSettings
  readonly log: EventLog
  readonly now: () => Date
  readonly random: () => number
  /** The environment that peers are made from. */
  readonly env: NodeJS.ProcessEnv
}

/** The peer of an identity; undefined where there is none any more. */
export async function entryOf(root: string, identity: Identity): Promise<PeerEntry | undefined> {
  const parts = parseIdentity(identity)
  const entries = await listPeers(root)
  return entries.find(
    (entry) => entry.personality === parts?.personality && entry.runtimes.includes(parts.runtime),
  )
}

/** The home of a peer as the root remembers it beside its registry. */
export function homeLinkOf(root: string, identity: Identity): string | undefined {
  const personality = parseIdentity(identity)?.personality
  return personality === undefined ? undefined : join(rootLayout(root).homesDir, personality)
}

/** A launch that fails counts like a death, so that what cannot start is not tried for ever. */
function afterFailure(tally: Tally, options: RestartOptions): Tally {
  const { settings, now, random } = options
  const at = now()
  const gen = `launch-${at.getTime()}`
  const ending = { gen, ts: at.toISOString(), crash: true, death: false }
  const counted = { ...tally, endings: [...tally.endings, ending] }
  const sequel: Sequel = isInLoop(counted, settings, at)
    ? { kind: 'crash-loop' }
    : { kind: 'start', mode: tally.startMode ?? 'fresh', afterMs: backOffMs(tally.restarts, random()) }
  return withSequel(counted, sequel, at)
}

/**
 * Brings up an identity whose time has come. A failure is counted and planned anew, or is the end of it: a crash loop.
 * @returns when to try again, in milliseconds since the epoch; undefined when there is nothing left to do
 */
export async function startDue(
  root: string,
  identity: Identity,
  options: RestartOptions,
): Promise<number | undefined> {
  const { startAt, startMode } = await readTally(root, identity)
  const entry = await entryOf(root, identity)
  const runtime = parseIdentity(identity)?.runtime
  if (
    startAt === undefined ||
    hasMark(root, identity, 'stopped') ||
    entry === undefined ||
    runtime === undefined
  )
    return undefined
  try {
    const resume = startMode === 'resume' ? { resume: true as const } : {}
    await launchPeer(root, entry, { runtime, env: options.env, due: startAt, ...resume })
    await options.log.note({ ev: 'supervise', identity, action: 'restart', mode: startMode ?? 'fresh' })
    return undefined
  } catch (error) {
    const reason = isIapeerError(error) ? error.code : errnoOf(error)
    if (reason === undefined) throw error
    if (reason === 'not-due') return undefined
    if (reason === 'lock-held') return options.now().getTime() + 1_000
    const tally = await withLock(identityLockPath(root, identity), () =>
      changeTally(root, identity, (before) => afterFailure(before, options)),
    )
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''
    await options.log.note({ ev: 'supervise', identity, action: 'restart-failed', reason, why })
    return tally.startAt === undefined ? undefined : Date.parse(tally.startAt)
  }
}
