import { setTimeout as sleep } from 'node:timers/promises'
import { IapeerError, isIapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, toRuntime } from '@iapeer/core/identity'
import { finishLaunch, type Launched, launchPeer } from '../launch/index.ts'
import { hasMark, type PeerSession, phaseOf, statusOf } from '../sessions/index.ts'
import { type LaunchView, launchViewOf } from './launch-view.ts'
import { type NamedPeer, peerNamed } from './named.ts'

const TIMEOUT_MS = 60_000
const LOOK_MS = 500

export interface StartRequest {
  /** @default the one that was named with the peer, else its default one */
  readonly runtime?: string | undefined
  /** How long it may take until the peer is ready, in milliseconds; one that is not ready by then is `blocked`. @default 60000 */
  readonly timeoutMs?: number | undefined
  /** Calls a launch off while it boots, and ends the wait for one that is blocked. */
  readonly signal?: AbortSignal | undefined
}

interface Wait {
  /** By `performance.now()`. */
  readonly deadline: number
  readonly signal: AbortSignal | undefined
}

/** Whether something stands there of which it is known that only a person can answer it. */
const needsPerson = ({ blocked }: PeerSession): boolean => blocked?.hint !== undefined

/** @throws IapeerError `program-ended`, `not-running` (it was stopped): it is not that session any more */
async function assertLives(root: string, { identity, gen, startedAt }: PeerSession): Promise<void> {
  const { session } = await statusOf(root, identity)
  if (session?.gen === gen && session?.startedAt === startedAt) return
  if (hasMark(root, identity, 'stopped'))
    throw new IapeerError(`${identity} was stopped while its launch was blocked`, {
      code: 'not-running',
      hint: `iapeer start ${identity} starts it again.`,
    })
  throw new IapeerError(`the program of ${identity} ended while its launch was blocked`, {
    code: 'program-ended',
    hint: `How it ended: iapeer autopsy ${identity}`,
  })
}

/**
 * Waits until a launch that was blocked is finished. Between two looks another command can stop the peer.
 * @throws those of `assertLives`; IapeerError `interrupted` when the signal is aborted: it is left as it is
 */
async function awaitUnblocked(
  root: string,
  blocked: PeerSession,
  { deadline, signal }: Wait,
): Promise<PeerSession> {
  let session = blocked
  for (;;) {
    const now = await finishLaunch(root, session)
    if (now === undefined) await assertLives(root, session)
    else session = now
    if (phaseOf(session) !== 'blocked' || needsPerson(session) || performance.now() >= deadline)
      return session
    if (signal?.aborted === true)
      throw new IapeerError('the wait was called off', {
        code: 'interrupted',
        hint: `It is left as it is: iapeer attach ${session.identity}`,
      })
    await sleep(LOOK_MS)
  }
}

/** Another process may be waiting for the same dialog, for longer than this one has time. */
async function blockedMeanwhile(root: string, identity: Identity, error: unknown): Promise<Launched> {
  if (!isIapeerError(error) || error.code !== 'lock-held') throw error
  const { session } = await statusOf(root, identity)
  if (session === undefined || phaseOf(session) !== 'blocked') throw error
  return { state: 'blocked', session, warnings: [] }
}

/**
 * Starts a peer by its name or an identity of it. Waits for one whose launch was blocked until it is ready, or the time is over.
 * @throws those of `launchPeer`; IapeerError `interrupted`
 */
export async function startNamed(
  root: string,
  peer: string | NamedPeer,
  request: StartRequest,
): Promise<LaunchView> {
  const { timeoutMs = TIMEOUT_MS, signal } = request
  const deadline = performance.now() + timeoutMs
  const named = await peerNamed(root, peer)
  const runtime = request.runtime === undefined ? named.runtime : toRuntime(request.runtime)
  const launched = await launchPeer(root, named.entry, {
    ...(signal === undefined ? {} : { signal }),
    ...(runtime === undefined ? {} : { runtime }),
    timeoutMs,
  }).catch((error: unknown) => {
    const { personality, defaultRuntime } = named.entry
    return blockedMeanwhile(root, formatIdentity({ runtime: runtime ?? defaultRuntime, personality }), error)
  })
  if (launched.state !== 'blocked') return launchViewOf(launched)
  const session = await awaitUnblocked(root, launched.session, { deadline, signal })
  return launchViewOf({ ...launched, state: 'launched', session })
}
