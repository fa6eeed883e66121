import { setTimeout as sleep } from 'node:timers/promises'
import { identifyProcess } from '@iapeer/core/process'
import type { PeerEntry } from '@iapeer/core/registry'
import { finishLaunch, type LaunchOptions, launchPeer } from '../launch/index.ts'
import { finishSessions, type StopOptions, stopPeer } from '../reap/index.ts'
import {
  hasMark,
  isClaimed,
  listSessions,
  type PeerSession,
  phaseOf,
  readSession,
  statusOf,
} from '../sessions/index.ts'

const LOOK_MS = 200
/** A blocked launch is checked at every tenth look: the daemon leaves that to the process that runs the peer. */
const FINISH_EVERY = 10

export interface RunOptions extends LaunchOptions {
  /** Stops the peer on purpose. */
  readonly signal: AbortSignal
  /** Called when the peer is ready, and before that when its launch is blocked (`session.blocked`). */
  readonly onRunning?: (session: PeerSession) => void
  readonly stop: StopOptions
}

/**
 * `stopped`: the signal was aborted, and the peer was stopped on purpose. `stopped-by-other`: another process stopped it on
 * purpose. `died`: its program or server ended, and that is recorded.
 */
export type RunResult = 'stopped' | 'stopped-by-other' | 'died'

/** Whether another process stopped the peer on purpose: a stop sets a mark first, or has started the peer again by now. */
async function wasStoppedOnPurpose(root: string, session: PeerSession): Promise<boolean> {
  const { identity, gen } = session
  if (gen !== undefined && isClaimed(root, { ...session, gen })) return false
  const now = await statusOf(root, identity)
  return now.session !== undefined || hasMark(root, identity, 'stopped') || hasMark(root, identity, 'fresh')
}

/** Returns the session under the present identity of its peer, which may have been renamed. */
async function asNamedNow(root: string, session: PeerSession): Promise<PeerSession> {
  if ((await readSession(root, session.identity)) !== undefined) return session
  const isSame = ({ server }: PeerSession): boolean =>
    server.pid === session.server.pid && server.token === session.server.token
  return (await listSessions(root)).find(isSame) ?? session
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await sleep(LOOK_MS, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/**
 * Runs one peer in the foreground: starts it, or takes over the running one, and returns when it has ended.
 * @throws those of `launchPeer` and `stopPeer`
 */
export async function runPeer(root: string, entry: PeerEntry, options: RunOptions): Promise<RunResult> {
  const { signal, onRunning, stop, ...launch } = options
  const holder = await identifyProcess(process.pid)
  const { session } = await launchPeer(root, entry, { ...launch, signal, ...(holder ? { holder } : {}) })
  onRunning?.(session)
  let current = session
  const isRunning = async (): Promise<boolean> => {
    current = await asNamedNow(root, current)
    const now = (await statusOf(root, current.identity)).session
    return now !== undefined && now.gen === session.gen && now.server.pid === session.server.pid
  }
  let phase = phaseOf(session)
  for (let count = 1; !signal.aborted && (await isRunning()); count++) {
    await pause(signal)
    await finishSessions(root)
    if (phase !== 'blocked' || count % FINISH_EVERY !== 0) continue
    const now = await finishLaunch(root, current)
    if (now === undefined) continue
    phase = phaseOf(now)
    if (phase === 'ready') onRunning?.(now)
  }
  if (!signal.aborted) return (await wasStoppedOnPurpose(root, current)) ? 'stopped-by-other' : 'died'
  await stopPeer(root, (await asNamedNow(root, current)).identity, stop)
  return 'stopped'
}
