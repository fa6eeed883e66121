import { IapeerError } from '@iapeer/core/errors'
import { formatIdentity, type Identity, type Runtime } from '@iapeer/core/identity'
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
import { launchPeer } from './launch.ts'
import type { LaunchOptions } from './options.ts'
import { resumableSession } from './plan.ts'
import { type WakeMode, type Waker, wakeMode } from './wake-mode.ts'

export interface WakeRequest {
  readonly from: Waker
  readonly topic?: string
  /** @default the one that runs, else the registry's default one */
  readonly runtime?: Runtime
  /** Go on where it was, after a crash too. @default false */
  readonly resume?: boolean
  readonly launch?: Omit<LaunchOptions, 'runtime' | 'resume'>
}

/** `live`: it was running, or another call has just launched it. Its launch may be blocked: `session.blocked` says so. */
export interface Woken {
  readonly state: 'live' | 'launched'
  readonly session: PeerSession
  /** How it was launched. */
  readonly mode?: 'fresh' | 'resume'
}

/** The runtimes it may be woken as, the first that suits first. */
function runtimesFor(entry: PeerEntry, asked: Runtime | undefined): readonly Runtime[] {
  if (asked !== undefined) return [asked]
  const { defaultRuntime, runtimes } = entry
  return [defaultRuntime, ...runtimes.filter((runtime) => runtime !== defaultRuntime)]
}

function refused(identity: Identity, cause: string, hint: string): IapeerError {
  return new IapeerError(`${identity} is not woken: ${cause}`, { code: 'wake-refused', hint })
}

/** Why it is not to be woken whatever it is for. */
async function refusalOf(root: string, identity: Identity): Promise<IapeerError | undefined> {
  if (hasMark(root, identity, 'stopped'))
    return refused(identity, 'it was stopped', `It stays so until it is started: iapeer start ${identity}`)
  const { loopSince } = await readTally(root, identity)
  return loopSince === undefined
    ? undefined
    : refused(
        identity,
        `it is in a crash loop since ${loopSince}`,
        `See why (iapeer autopsy ${identity}), then: iapeer reset ${identity}`,
      )
}

async function modeFor(
  root: string,
  entry: PeerEntry,
  request: WakeRequest & { readonly identity: Identity; readonly runtime: Runtime },
): Promise<WakeMode> {
  const { lastEnd, topics } = await readTally(root, request.identity)
  const canResume = (await resumableSession(root, entry, request.runtime)) !== undefined
  const { from, topic, resume: resumeAsked = false } = request
  return wakeMode({ lastEnd, from, topic, topics, canResume, resumeAsked })
}

/** So that the next message of the same topic finds its session. */
async function rememberTopic(root: string, identity: Identity, topic: string | undefined): Promise<void> {
  if (topic === undefined) return
  await withIdentity(root, identity, () =>
    changeTally(root, identity, (tally) =>
      tally.topics.at(-1) === topic
        ? tally
        : { ...tally, topics: [...tally.topics.filter((one) => one !== topic), topic] },
    ),
  )
}

/**
 * Brings up a peer that somebody has something for: fresh, or where it was, by how its last session ended. One launch for
 * any number of callers at once, in any process; the others get the live session.
 * @throws IapeerError `wake-refused` (stopped, in a crash loop, nothing to go on with), and those of `launchPeer`
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
  const { mode, cause } =
    refusal === undefined
      ? await modeFor(root, entry, { ...request, identity, runtime })
      : { mode: 'refused' as const, cause: refusal.message }
  await log.note({ ev: 'wake', identity, mode, cause })
  if (refusal !== undefined) throw refusal
  if (mode === 'refused') throw refused(identity, cause, `iapeer start ${identity} begins a new one.`)
  const resume = mode === 'resume' ? { resume: true as const } : {}
  const { state, session } = await launchPeer(root, entry, { ...request.launch, runtime, ...resume })
  await rememberTopic(root, identity, request.topic)
  return state === 'already' ? { state: 'live', session } : { state: 'launched', session, mode }
}
