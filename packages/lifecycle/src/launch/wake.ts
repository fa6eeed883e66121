import { IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type Runtime } from '@iapeer/core/identity'
import { readProfile } from '@iapeer/core/profile'
import type { PeerEntry } from '@iapeer/core/registry'
import { createEventLog, type EventLog } from '../eventlog/index.ts'
import {
  changeTally,
  hasMark,
  type PeerSession,
  phaseOf,
  readTally,
  statusOf,
  withIdentity,
} from '../sessions/index.ts'
import { queuedForMs } from './gate/enter.ts'
import { launchPeer } from './launch.ts'
import type { LaunchOptions } from './options.ts'
import { resolveOwn } from './plan.ts'
import { unresumable } from './plan-conversation.ts'
import { type Resolution, whyNot } from './resolve-conversation.ts'
import { type WakeFacts, type WakeMode, type Waker, wakeMode } from './wake-mode.ts'

/** Why and how a peer is woken. */
export interface WakeRequest {
  readonly from: Waker
  /** The topic of the message. The message of an agent resumes the conversation only if that already had this topic. */
  readonly topic?: string
  /** @default the runtime that runs, else the peer's default runtime */
  readonly runtime?: Runtime
  /** Resume the conversation, even after a crash. @default false */
  readonly resume?: boolean
  readonly launch?: Omit<LaunchOptions, 'runtime' | 'resume'>
}

/**
 * The result of a wake. `live`: the peer was running, or another call has just launched it; its launch may be blocked
 * (`session.blocked`).
 */
export interface Woken {
  readonly state: 'live' | 'launched'
  readonly session: PeerSession
  /** Set when this call launched the peer. */
  readonly mode?: 'fresh' | 'resume'
}

/** Returns the runtimes that the peer may be woken as, the preferred one first. */
function runtimesFor(entry: PeerEntry, asked: Runtime | undefined): readonly Runtime[] {
  if (asked !== undefined) return [asked]
  const { defaultRuntime, runtimes } = entry
  return [defaultRuntime, ...runtimes.filter((runtime) => runtime !== defaultRuntime)]
}

function refused(identity: Identity, cause: string, hint: string): IapeerError {
  return new IapeerError(`${identity} was not started: ${cause}`, { code: 'wake-refused', hint })
}

/** Returns the error for a peer that no message may start: it was stopped, or is in a crash loop. */
async function refusalOf(root: string, identity: Identity): Promise<IapeerError | undefined> {
  if (hasMark(root, identity, 'stopped'))
    return refused(identity, 'it was stopped', `Start it with: iapeer start ${identity}`)
  const { loopSince } = await readTally(root, identity)
  return loopSince === undefined
    ? undefined
    : refused(
        identity,
        'it is in a crash loop',
        `When the cause is corrected (iapeer autopsy ${identity}): iapeer reset ${identity}, then iapeer start ${identity}`,
      )
}

/** The input of a wake about the conversation of a peer. */
function resumeFacts(resolution: Resolution): Pick<WakeFacts, 'canResume' | 'whyNot'> {
  if (resolution.kind === 'resumable' || resolution.kind === 'no-first-turn') return { canResume: 'yes' }
  return { canResume: resolution.kind === 'none' ? 'unknown' : 'no', whyNot: whyNot(resolution) }
}

interface WakeDecision {
  readonly decided: WakeMode
  readonly resolution: Resolution
}

async function modeFor(
  root: string,
  entry: PeerEntry,
  request: WakeRequest & { readonly identity: Identity; readonly runtime: Runtime },
): Promise<WakeDecision> {
  const { lastEnd, topics } = await readTally(root, request.identity)
  const resolution = await resolveOwn(root, entry, { ...request.launch, runtime: request.runtime })
  const { from, topic, resume: resumeAsked = false } = request
  const orFresh = (await readProfile(entry.home))?.restart === 'resume-or-fresh'
  const facts = { lastEnd, from, topic, topics, orFresh, resumeAsked, ...resumeFacts(resolution) }
  return { decided: wakeMode(facts), resolution }
}

/** Returns the error for a wake that would have to resume a conversation that cannot be resumed. */
function notResumed(identity: Identity, { decided, resolution }: WakeDecision): IapeerError {
  if (resolution.kind === 'resumable' || resolution.kind === 'no-first-turn')
    return refused(identity, decided.cause, `Start a new conversation with: iapeer start ${identity}`)
  return unresumable(identity, resolution)
}

/**
 * Remembers the topic of a message that a running session has got, so that the next message about it resumes this conversation.
 * @param gen the session; undefined for the present one. Nothing is remembered if another one runs meanwhile.
 * @throws as `withIdentity`
 */
export async function rememberTopic(
  root: string,
  identity: Identity,
  topic: string | undefined,
  gen?: string,
): Promise<void> {
  if (topic === undefined) return
  await withIdentity(root, identity, async () => {
    if (gen !== undefined && (await statusOf(root, identity)).session?.gen !== gen) return
    await changeTally(root, identity, (tally) =>
      tally.topics.at(-1) === topic
        ? tally
        : { ...tally, topics: [...tally.topics.filter((one) => one !== topic), topic] },
    )
  })
}

/**
 * Starts a peer because something arrived for it. How its last session ended decides whether it resumes its conversation. Of
 * concurrent callers, in any process, one launches; the others get the running session.
 * @throws IapeerError `wake-refused` (stopped, or in a crash loop), those of `planConversation`, and those of `launchPeer`
 */
export async function wakeOrSpawn(
  root: string,
  entry: PeerEntry,
  request: WakeRequest,
  log: EventLog = createEventLog(root),
): Promise<Woken> {
  const { personality } = entry
  const runtimes = runtimesFor(entry, request.runtime)
  for (const runtime of runtimes) {
    const identity = formatIdentity({ runtime, personality })
    const { session } = await statusOf(root, identity)
    if (session === undefined || phaseOf(session) === 'booting') continue
    await rememberTopic(root, identity, request.topic)
    return { state: 'live', session }
  }
  const [runtime = entry.defaultRuntime] = runtimes
  const identity = formatIdentity({ runtime, personality })
  const refusal = await refusalOf(root, identity)
  if (refusal !== undefined) {
    await log.note({ ev: 'wake', identity, mode: 'refused', cause: refusal.message })
    throw refusal
  }
  const decision = await modeFor(root, entry, { ...request, identity, runtime })
  const { mode, cause } = decision.decided
  // A caller that keeps its place in the queue asks again every few seconds.
  if (queuedForMs(root, identity) === 0) await log.note({ ev: 'wake', identity, mode, cause })
  if (mode === 'refused') throw notResumed(identity, decision)
  const resume = mode === 'resume' ? { resume: 'own' as const } : {}
  const { state, session } = await launchPeer(root, entry, { ...request.launch, runtime, ...resume })
  await rememberTopic(root, identity, request.topic)
  return state === 'already' ? { state: 'live', session } : { state: 'launched', session, mode }
}
