import { formatIdentity, type Identity, parseIdentity, toRuntime } from '@iapeer/core/identity'
import type { EventLog } from '../eventlog/index.ts'
import { checkLaunch, launchPeer, type WakeRequest, wakeOrSpawn } from '../launch/index.ts'
import { type Afterwards, stopPeer } from '../reap/index.ts'
import { changeTally, readSession, withIdentity } from '../sessions/index.ts'
import { type LaunchView, launchViewOf } from './launch-view.ts'
import { asIdentity, type NamedPeer, peerNamed, presentIdentity, runningOf } from './named.ts'

/** One session that has been taken down. `stopped`: it was not running. */
export interface StopView {
  readonly identity: string
  readonly state: 'ended' | 'session-ended' | 'already-dead' | 'stopped'
  /** How its program ended: by itself when asked, only when killed, or before. */
  readonly leader?: 'asked' | 'killed' | 'gone' | undefined
  readonly ms?: number | undefined
}

export interface StopRequest {
  /** Who asks, for the intent, e.g. `iapeer stop`. */
  readonly by: string
  /** How long its program may take; then it is killed. @default 3000 */
  readonly timeoutMs?: number | undefined
  readonly force?: boolean | undefined
  /** Hears why it could not be written to lifecycle.log. @default nobody */
  readonly onLogFailure?: ((error: unknown) => void) | undefined
}

/** What a peer is to be brought up afresh as, and how long what runs may take to end. */
export interface RenewRequest {
  /** @default the one that was named with the peer, else the one it runs as */
  readonly runtime?: string | undefined
  /** How long its program may take; then it is killed. @default 3000 */
  readonly timeoutMs?: number | undefined
}

/** What came of a wake, a refresh or a reset: `{state: 'woken', mode: 'fresh', session}`. */
export interface Outcome {
  readonly state: string
  readonly mode?: 'fresh' | 'resume' | undefined
  readonly session?: LaunchView | undefined
}

async function stopAll(
  root: string,
  identities: readonly Identity[],
  request: StopRequest & { readonly afterwards?: Afterwards },
): Promise<StopView[]> {
  const { by, timeoutMs, ...rest } = request
  const stopped: StopView[] = []
  for (const [at, identity] of identities.entries()) {
    // Of none that was launched, the first one is noted as stopped.
    if (at > 0 && (await readSession(root, identity)) === undefined) continue
    const { force, onLogFailure, afterwards } = rest
    const result = await stopPeer(root, identity, {
      by,
      ...(timeoutMs === undefined ? {} : { graceMs: timeoutMs }),
      ...(force === undefined ? {} : { force }),
      ...(afterwards === undefined ? {} : { afterwards }),
      ...(onLogFailure === undefined ? {} : { onLogFailure }),
    })
    stopped.push({ identity, ...result, ...('ms' in result ? { ms: Math.round(result.ms) } : {}) })
  }
  return stopped
}

/** Takes down whatever of a peer was launched, in silence; it stays down. @throws those of `stopPeer` */
export async function stopNamed(
  root: string,
  peer: string | NamedPeer,
  request: StopRequest,
): Promise<StopView[]> {
  return stopAll(root, (await peerNamed(root, peer)).identities, request)
}

/**
 * Takes a peer down, in silence, and brings it up afresh: as the runtime that is asked for or named, else as the one it runs
 * as. What keeps it from coming back is found before it is taken down.
 * @throws those of `stopPeer` and `launchPeer`
 */
export async function renewNamed(
  root: string,
  peer: string | NamedPeer,
  request: StopRequest & RenewRequest & { readonly resume?: boolean | undefined },
): Promise<LaunchView> {
  const named = await peerNamed(root, peer)
  const { entry, identities } = named
  const { runtime: asked, resume, ...stop } = request
  const present = await presentIdentity(root, named)
  const runtime =
    asked === undefined
      ? (named.runtime ?? parseIdentity(present)?.runtime ?? entry.defaultRuntime)
      : toRuntime(asked)
  const options = { runtime, ...(resume === true ? { resume: true as const } : {}) }
  await checkLaunch(root, entry, options)
  const target = formatIdentity({ runtime, personality: entry.personality })
  const others = identities.filter((identity) => identity !== target)
  for (const identity of others)
    if ((await readSession(root, identity)) !== undefined)
      await stopAll(root, [identity], { ...stop, afterwards: 'exit' })
  await stopAll(root, [target], { ...stop, afterwards: 'come-back' })
  return launchViewOf(await launchPeer(root, entry, options))
}

/** Brings what runs of a peer up again, with its session where the runtime can; nothing where it does not run. */
export async function refreshNamed(
  root: string,
  peer: string | NamedPeer,
  request: StopRequest,
): Promise<Outcome> {
  const named = await peerNamed(root, peer)
  const running = await runningOf(root, named.identities)
  if (running === undefined) return { state: 'not-running' }
  const session = await renewNamed(root, asIdentity(named, running.identity), { ...request, resume: true })
  return { state: 'refreshed', session }
}

/** Brings a peer up because something is there for it. */
export async function wakeNamed(
  root: string,
  peer: string | NamedPeer,
  request: WakeRequest & { readonly log?: EventLog },
): Promise<Outcome> {
  const named = await peerNamed(root, peer)
  const { log, runtime = named.runtime, ...rest } = request
  const wanted = { ...rest, ...(runtime === undefined ? {} : { runtime }) }
  const { state, session, mode } = await wakeOrSpawn(root, named.entry, wanted, log)
  const launched = launchViewOf({ state: state === 'live' ? 'already' : 'launched', session, warnings: [] })
  return { state: state === 'live' ? 'live' : 'woken', mode, session: launched }
}

/** Forgets the crashes of a peer, so that it may be woken again. */
export async function resetNamed(root: string, peer: string | NamedPeer): Promise<Outcome> {
  const { identities } = await peerNamed(root, peer)
  let wasInLoop = false
  for (const identity of identities)
    await withIdentity(root, identity, async () => {
      await changeTally(root, identity, (tally) => {
        wasInLoop ||= tally.loopSince !== undefined
        if (tally.endings.length === 0 && tally.loopSince === undefined && tally.restarts === 0) return tally
        return {
          ...tally,
          endings: [],
          loopSince: undefined,
          restarts: 0,
          startAt: undefined,
          startMode: undefined,
        }
      })
    })
  return { state: wasInLoop ? 'reset' : 'no-loop' }
}
