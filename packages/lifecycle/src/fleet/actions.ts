import { parseIdentity, toRuntime } from '@iapeer/core/identity'
import { type Launched, launchPeer } from '../launch/launch.ts'
import { readSession } from '../sessions/session-file.ts'
import { stopPeer } from '../stop.ts'
import { type NamedPeer, peerNamed } from './named.ts'

/** A peer that has been brought up, or was up. */
export interface LaunchView {
  readonly state: 'launched' | 'already'
  readonly identity: string
  readonly gen?: string | undefined
  readonly serverPid: number
  readonly leaderPid: number
  /** ISO-8601 UTC. */
  readonly startedAt: string
  /** What tmux said of the person's own `tmux.conf`. */
  readonly warnings: readonly string[]
}

/** One session that has been taken down. `stopped`: it was not running. */
export interface StopView {
  readonly identity: string
  readonly state: 'ended' | 'session-ended' | 'already-dead' | 'stopped'
  /** How its program ended: by itself when asked, only when killed, or before. */
  readonly leader?: 'asked' | 'killed' | 'gone' | undefined
  readonly ms?: number | undefined
}

export interface StartRequest {
  /** @default the one that was named with the peer, else its default one */
  readonly runtime?: string | undefined
  /** For the whole launch. @default 20000 */
  readonly timeoutMs?: number | undefined
}

export interface StopRequest {
  /** Who asks, for the intent, e.g. `iapeer stop`. */
  readonly by: string
  /** How long its program may take; then it is killed. @default 3000 */
  readonly timeoutMs?: number | undefined
  readonly force?: boolean | undefined
}

function viewOf({ state, session, warnings }: Launched): LaunchView {
  const { identity, gen, server, leader, startedAt } = session
  const generation = gen === undefined ? {} : { gen }
  return { state, identity, ...generation, serverPid: server.pid, leaderPid: leader.pid, startedAt, warnings }
}

/** Brings a peer up by its name or an identity of it. @throws those of `launchPeer` */
export async function startNamed(root: string, name: string, request: StartRequest): Promise<LaunchView> {
  const { entry, identities } = await peerNamed(root, name)
  const [only] = identities
  const named = identities.length === 1 && only !== undefined ? parseIdentity(only)?.runtime : undefined
  const { runtime = named, timeoutMs } = request
  const launched = await launchPeer(root, entry, {
    ...(runtime === undefined ? {} : { runtime: toRuntime(runtime) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  return viewOf(launched)
}

async function stopAll(
  root: string,
  { identities }: Pick<NamedPeer, 'identities'>,
  request: StopRequest,
): Promise<StopView[]> {
  const { by, timeoutMs, force } = request
  const stopped: StopView[] = []
  for (const [at, identity] of identities.entries()) {
    // Of none that was launched, the first one is noted as stopped.
    if (at > 0 && (await readSession(root, identity)) === undefined) continue
    const result = await stopPeer(root, identity, {
      by,
      ...(timeoutMs === undefined ? {} : { graceMs: timeoutMs }),
      ...(force === undefined ? {} : { force }),
    })
    stopped.push({ identity, ...result, ...('ms' in result ? { ms: Math.round(result.ms) } : {}) })
  }
  return stopped
}

/** Takes down whatever of a peer was launched, in silence; it stays down. @throws those of `stopPeer` */
export async function stopNamed(root: string, name: string, request: StopRequest): Promise<StopView[]> {
  return stopAll(root, await peerNamed(root, name), request)
}

/** Takes a peer down, in silence, and brings it up afresh. @throws those of `stopPeer` and `launchPeer` */
export async function renewNamed(root: string, name: string, request: StopRequest): Promise<LaunchView> {
  const { entry, identities } = await peerNamed(root, name)
  await stopAll(root, { identities }, request)
  return viewOf(await launchPeer(root, entry))
}
