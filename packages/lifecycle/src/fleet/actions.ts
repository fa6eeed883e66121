import type { CallerEnvironment } from '@iapeer/core/exec'
import { formatIdentity, type Identity, parseIdentity, toRuntime } from '@iapeer/core/identity'
import type { EventLog } from '../eventlog/index.ts'
import { checkLaunch, launchPeer, releaseRestarts, type WakeRequest, wakeOrSpawn } from '../launch/index.ts'
import { releaseStarts, startsHeldSince } from '../mail/index.ts'
import { type StopOptions, stopPeer } from '../reap/index.ts'
import { changeTally, readSession, withIdentity, withoutFailedResumes } from '../sessions/index.ts'
import { type LaunchView, launchViewOf } from './launch-view.ts'
import { asIdentity, type NamedPeer, peerNamed, presentIdentity, runningOf } from './named.ts'
import { notePermissions } from './permissions-notice.ts'
import { type ResumeChoice, resumeOptions } from './resume-choice.ts'

/** The result of a stop of one identity. `stopped`: it was not running. */
export interface StopView {
  readonly identity: string
  readonly state: 'ended' | 'session-ended' | 'already-dead' | 'stopped'
  /** How its program ended: it exited when asked, was killed, or was gone before. */
  readonly leader?: 'asked' | 'killed' | 'gone' | undefined
  readonly ms?: number | undefined
}

/** Who asks for a stop, and how it is carried out. */
export interface StopRequest {
  /** Who asks, for the intent, e.g. `iapeer stop`. */
  readonly by: string
  /** How long its program may take to exit before it is killed, in milliseconds. @default 3000 */
  readonly timeoutMs?: number | undefined
  /** Stop it also where another tmux server has taken its socket. @default false */
  readonly force?: boolean | undefined
  /** Called when the stop could not be written to lifecycle.log. @default does nothing */
  readonly onLogFailure?: ((error: unknown) => void) | undefined
}

/** The runtime to start a peer as, and the time limit of the stop before it. */
export interface RenewRequest {
  /** @default the runtime of the named identity, else the one that it runs as */
  readonly runtime?: string | undefined
  /** How long its program may take to exit before it is killed, in milliseconds. @default 3000 */
  readonly timeoutMs?: number | undefined
  /** The PATH and locale of the caller; recorded for restarts. @default the recorded ones, else those of this process */
  readonly environment?: CallerEnvironment | undefined
  /** Aborts the launch while the program boots; the peer is then stopped. */
  readonly signal?: AbortSignal | undefined
}

/** The result of a wake, a refresh or a reset: `{state: 'woken', mode: 'fresh', session}`. */
export interface Outcome {
  readonly state: string
  readonly mode?: 'fresh' | 'resume' | undefined
  readonly session?: LaunchView | undefined
}

/** How long a start waits in the queue if a caller waits for its result. In milliseconds. */
const QUEUE_MS = 60_000

async function stopAll(
  root: string,
  identities: readonly Identity[],
  request: StopRequest & Pick<StopOptions, 'afterwards' | 'restartMode'>,
): Promise<StopView[]> {
  const { by, timeoutMs, ...rest } = request
  const stopped: StopView[] = []
  for (const [at, identity] of identities.entries()) {
    // The first identity is marked as stopped even without a session; any other is stopped only if it has one.
    if (at > 0 && (await readSession(root, identity)) === undefined) continue
    const { force, onLogFailure, afterwards, restartMode } = rest
    const result = await stopPeer(root, identity, {
      by,
      ...(timeoutMs === undefined ? {} : { graceMs: timeoutMs }),
      ...(force === undefined ? {} : { force }),
      ...(afterwards === undefined ? {} : { afterwards }),
      ...(restartMode === undefined ? {} : { restartMode }),
      ...(onLogFailure === undefined ? {} : { onLogFailure }),
    })
    stopped.push({ identity, ...result, ...('ms' in result ? { ms: Math.round(result.ms) } : {}) })
  }
  return stopped
}

/** Stops every session of a peer on purpose: no death is recorded, and it stays stopped. @throws those of `stopPeer` */
export async function stopNamed(
  root: string,
  peer: string | NamedPeer,
  request: StopRequest,
): Promise<StopView[]> {
  return stopAll(root, (await peerNamed(root, peer)).identities, request)
}

/**
 * Stops a peer on purpose and starts it again, with a new conversation unless one is to be resumed: as the requested or named runtime,
 * else as the one that it runs as. What would prevent the start is checked before the stop.
 * @throws those of `stopPeer` and `launchPeer`
 */
export async function renewNamed(
  root: string,
  peer: string | NamedPeer,
  request: StopRequest & RenewRequest & ResumeChoice,
): Promise<LaunchView> {
  const named = await peerNamed(root, peer)
  const { entry, identities } = named
  const { runtime: asked, resume, conversation, orFresh, environment, signal, ...stop } = request
  const present = await presentIdentity(root, named)
  const runtime =
    asked === undefined
      ? (named.runtime ?? parseIdentity(present)?.runtime ?? entry.defaultRuntime)
      : toRuntime(asked)
  const options = {
    runtime,
    ...resumeOptions({ resume, conversation, orFresh }),
    ...(environment === undefined ? {} : { caller: environment }),
    ...(signal === undefined ? {} : { signal }),
    queue: { limitMs: QUEUE_MS },
  }
  await checkLaunch(root, entry, options)
  const target = formatIdentity({ runtime, personality: entry.personality })
  const others = identities.filter((identity) => identity !== target)
  for (const identity of others)
    if ((await readSession(root, identity)) !== undefined)
      await stopAll(root, [identity], { ...stop, afterwards: 'exit' })
  const restartMode = options.resume === undefined ? 'fresh' : 'resume'
  await stopAll(root, [target], { ...stop, afterwards: 'restart', restartMode })
  return launchViewOf(await notePermissions(root, entry.personality, await launchPeer(root, entry, options)))
}

/**
 * Restarts a peer and resumes its conversation, or the one that is named; does nothing when it does not run. A runtime without
 * conversations just starts again.
 * @throws those of `renewNamed`; nothing is stopped where the conversation cannot be resumed
 */
export async function refreshNamed(
  root: string,
  peer: string | NamedPeer,
  request: StopRequest & Pick<RenewRequest, 'signal'> & Omit<ResumeChoice, 'resume'>,
): Promise<Outcome> {
  const named = await peerNamed(root, peer)
  const running = await runningOf(root, named.identities)
  if (running === undefined) return { state: 'not-running' }
  const session = await renewNamed(root, asIdentity(named, running.identity), { ...request, resume: true })
  return { state: 'refreshed', session }
}

/** Starts a peer because a message or task waits for it; does nothing when it runs. */
export async function wakeNamed(
  root: string,
  peer: string | NamedPeer,
  request: WakeRequest & { readonly log?: EventLog },
): Promise<Outcome> {
  const named = await peerNamed(root, peer)
  const { log, runtime = named.runtime, ...rest } = request
  const by = request.from === 'agent' ? 'message' : 'person'
  const launch = { ...rest.launch, queue: { by, limitMs: QUEUE_MS } } as const
  const wanted = { ...rest, launch, ...(runtime === undefined ? {} : { runtime }) }
  const { state, session, mode } = await wakeOrSpawn(root, named.entry, wanted, log)
  const launched = launchViewOf({ state: state === 'live' ? 'already' : 'launched', session, warnings: [] })
  return { state: state === 'live' ? 'live' : 'woken', mode, session: launched }
}

/**
 * Lets the restarts and the messages start peers again after a mass death: a person says so.
 * @returns whether they were held
 */
export async function releaseStartsOf(root: string): Promise<boolean> {
  const wereHeld = await releaseRestarts(root)
  if ((await startsHeldSince(root)) === undefined) return wereHeld
  await releaseStarts(root)
  return true
}

/** Clears the crashes of a peer, so that it can be started again after a crash loop. */
export async function resetNamed(root: string, peer: string | NamedPeer): Promise<Outcome> {
  const { identities } = await peerNamed(root, peer)
  let wasInLoop = false
  for (const identity of identities)
    await withIdentity(root, identity, async () => {
      await changeTally(root, identity, (tally) => {
        wasInLoop ||= tally.loopSince !== undefined
        const { endings, loopSince, restarts, failedResumes } = tally
        if (endings.length === 0 && loopSince === undefined && restarts === 0 && failedResumes === undefined)
          return tally
        return {
          ...withoutFailedResumes(tally),
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
