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
/** Of a launch that is blocked, in looks: the daemon leaves it to the process that holds it up. */
const FINISH_EVERY = 10

export interface RunOptions extends LaunchOptions {
  /** Ends the peer on purpose. */
  readonly signal: AbortSignal
  /** Called when it is up, and before that where its launch is blocked (`session.blocked`). */
  readonly onUp?: (session: PeerSession) => void
  readonly stop: StopOptions
}

/**
 * `stopped`: the signal came, and it was taken down in silence. `taken-down`: somebody else did that on purpose. `died`: it
 * ended by itself, and that is recorded.
 */
export type RunResult = 'stopped' | 'taken-down' | 'died'

/** Whoever takes it down says first what is to become of it; or has started it anew already. */
async function wasMeant(root: string, session: PeerSession): Promise<boolean> {
  const { identity, gen } = session
  if (gen !== undefined && isClaimed(root, { ...session, gen })) return false
  const now = await statusOf(root, identity)
  return now.session !== undefined || hasMark(root, identity, 'stopped') || hasMark(root, identity, 'fresh')
}

/** The session under the name that its peer has now. */
async function asNamedNow(root: string, session: PeerSession): Promise<PeerSession> {
  if ((await readSession(root, session.identity)) !== undefined) return session
  const isSame = ({ server }: PeerSession): boolean =>
    server.pid === session.server.pid && server.token === session.server.token
  return (await listSessions(root)).find(isSame) ?? session
}

async function nap(signal: AbortSignal): Promise<void> {
  try {
    await sleep(LOOK_MS, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/**
 * Holds one peer up for as long as it lives: brings it up (or takes over one that is up), and returns when it has ended.
 * @throws those of `launchPeer` and `stopPeer`
 */
export async function runPeer(root: string, entry: PeerEntry, options: RunOptions): Promise<RunResult> {
  const { signal, onUp, stop, ...launch } = options
  const holder = await identifyProcess(process.pid)
  const { session } = await launchPeer(root, entry, { ...launch, signal, ...(holder ? { holder } : {}) })
  onUp?.(session)
  let held = session
  const lives = async (): Promise<boolean> => {
    held = await asNamedNow(root, held)
    const now = (await statusOf(root, held.identity)).session
    return now !== undefined && now.gen === session.gen && now.server.pid === session.server.pid
  }
  let phase = phaseOf(session)
  for (let count = 1; !signal.aborted && (await lives()); count++) {
    await nap(signal)
    await finishSessions(root)
    if (phase !== 'blocked' || count % FINISH_EVERY !== 0) continue
    const now = await finishLaunch(root, held)
    if (now === undefined) continue
    phase = phaseOf(now)
    if (phase === 'ready') onUp?.(now)
  }
  if (!signal.aborted) return (await wasMeant(root, held)) ? 'taken-down' : 'died'
  await stopPeer(root, (await asNamedNow(root, held)).identity, stop)
  return 'stopped'
}
