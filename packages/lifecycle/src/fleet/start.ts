import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import type { CallerEnvironment } from '@iapeer/core/exec'
import { formatIdentity, type Identity, toRuntime } from '@iapeer/core/identity'
import { finishLaunch, type Launched, launchPeer } from '../launch/index.ts'
import { hasMark, type PeerSession, phaseOf, statusOf } from '../sessions/index.ts'
import { type LaunchView, launchViewOf } from './launch-view.ts'
import { type NamedPeer, peerNamed } from './named.ts'
import { notePermissions } from './permissions-notice.ts'
import { type ResumeChoice, resumeOptions } from './resume-choice.ts'

const TIMEOUT_MS = 60_000
const LOOK_MS = 500

/** How to start a peer, and how long to wait for it. */
export interface StartRequest extends ResumeChoice {
  /** @default the runtime of the named identity, else the default one of the peer */
  readonly runtime?: string | undefined
  /** How long to wait until the peer is ready, in milliseconds; then a running one is reported as `blocked`. @default 60000 */
  readonly timeoutMs?: number | undefined
  /** How long the start may be queued, in milliseconds. @default `launch.wait_secs` */
  readonly queueMs?: number | undefined
  /** Starts it although little memory is available or others are starting. @default false */
  readonly now?: boolean | undefined
  /** The PATH and locale of the caller; recorded for restarts. @default the recorded ones, else those of this process */
  readonly environment?: CallerEnvironment | undefined
  /** Aborts a launch that still boots, and ends the wait for a blocked one. */
  readonly signal?: AbortSignal | undefined
}

interface Wait {
  /** By `performance.now()`. */
  readonly deadline: number
  readonly signal: AbortSignal | undefined
}

/** Whether its screen shows a dialog that is known to need a person. */
const needsPerson = ({ blocked }: PeerSession): boolean => blocked?.hint !== undefined

/** Checks that a session still runs. @throws IapeerError `program-ended`, or `not-running` when it was stopped */
async function assertRuns(root: string, { identity, gen, startedAt }: PeerSession): Promise<void> {
  const { session } = await statusOf(root, identity)
  if (session?.gen === gen && session?.startedAt === startedAt) return
  if (hasMark(root, identity, 'stopped'))
    throw new IapeerError(`${identity} was stopped while its launch was blocked`, {
      code: 'not-running',
      hint: `Start it again: iapeer start ${identity}`,
    })
  throw new IapeerError(`the program of ${identity} exited while its launch was blocked`, {
    code: 'program-ended',
    hint: `Find out why: iapeer autopsy ${identity}`,
  })
}

/**
 * Waits until a blocked launch is finished. Holds no lock between two looks, so another command can stop the peer.
 * @throws those of `assertRuns`; IapeerError `interrupted` when the signal is aborted: the peer goes on
 */
async function awaitUnblocked(
  root: string,
  blocked: PeerSession,
  { deadline, signal }: Wait,
): Promise<PeerSession> {
  let session = blocked
  for (;;) {
    const now = await finishLaunch(root, session)
    if (now === undefined) await assertRuns(root, session)
    else session = now
    if (phaseOf(session) !== 'blocked' || needsPerson(session) || performance.now() >= deadline)
      return session
    if (signal?.aborted === true)
      throw new IapeerError('the wait was interrupted', {
        code: 'interrupted',
        hint: `${session.identity} still runs, blocked. Answer its dialog: iapeer attach ${session.identity}`,
      })
    await sleep(LOOK_MS)
  }
}

/** Reports the launch as blocked when the lock could not be had because another process waits for the same dialog. */
async function blockedMeanwhile(root: string, identity: Identity, error: unknown): Promise<Launched> {
  if (!isIapeerError(error) || error.code !== 'lock-held') throw error
  const { session } = await statusOf(root, identity)
  if (session === undefined || phaseOf(session) !== 'blocked') throw error
  return { state: 'blocked', session, warnings: [] }
}

/**
 * Returns which conversation a start resumes. A peer that was suspended goes on where it was, unless an earlier version suspended
 * it: then the conversation is not known.
 */
async function startChoice(
  root: string,
  identity: Identity,
  choice: ResumeChoice,
): Promise<ReturnType<typeof resumeOptions>> {
  const chosen = resumeOptions(choice)
  if (chosen.resume !== undefined) return chosen
  const { state, tally } = await statusOf(root, identity)
  return state === 'suspended' && tally.conversation !== undefined ? { resume: 'own' } : {}
}

/**
 * Starts a peer by its name or one of its identities. Waits until there is memory for it and few others
 * start, at most `queueMs`, and then for a blocked launch until the peer is ready, at most `timeoutMs`.
 * @throws those of `launchPeer`; IapeerError `interrupted`
 */
export async function startNamed(
  root: string,
  peer: string | NamedPeer,
  request: StartRequest,
): Promise<LaunchView> {
  const { timeoutMs = TIMEOUT_MS, queueMs, now, signal, environment } = request
  const calledMs = Date.now()
  const named = await peerNamed(root, peer)
  const runtime = request.runtime === undefined ? named.runtime : toRuntime(request.runtime)
  const { personality, defaultRuntime } = named.entry
  const identity = formatIdentity({ runtime: runtime ?? defaultRuntime, personality })
  const started = await launchPeer(root, named.entry, {
    ...(signal === undefined ? {} : { signal }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(environment === undefined ? {} : { caller: environment }),
    ...(await startChoice(root, identity, request)),
    queue: { limitMs: queueMs, now },
    timeoutMs,
  }).catch((error: unknown) => blockedMeanwhile(root, identity, error))
  const launched = await notePermissions(root, personality, started)
  if (launched.state !== 'blocked') return launchViewOf(launched)
  // The time in the queue does not count.
  const beganMs = Math.max(calledMs, Date.parse(launched.session.startedAt))
  const deadline = performance.now() + timeoutMs - (Date.now() - beganMs)
  const session = await awaitUnblocked(root, launched.session, { deadline, signal })
  return launchViewOf({ ...launched, state: 'launched', session })
}
