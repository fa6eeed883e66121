import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, observeProcess, type ProcessId } from '@iapeer/core/process'
import { peerSocketPath, TmuxServer, teardown } from '@iapeer/tmux'
import {
  isClaimed,
  isDetached,
  listSessions,
  NO_GENERATION,
  type PeerSession,
  type RecordedSession,
  readSession,
  recordedAs,
  removeSession,
  sweepDetached,
} from '../sessions/index.ts'
import { settleEnded } from './settle.ts'

/** A server that was started for an identity and has not become a session of its. */
export interface UnfinishedLaunch extends RecordedSession {
  readonly socketPath: string
  readonly server: ProcessId
  readonly why: string
}

/** Ends it in silence, with its program if there is one: the first pane of a fresh server is `%0` of `$0`. */
export async function endUnfinished(root: string, launch: UnfinishedLaunch): Promise<void> {
  const { socketPath, server } = launch
  const handle = new TmuxServer({ socketPath, process: server, timeoutMs: 1_000 })
  const pane = await handle.run(['display-message', '-p', '-t', '%0', '#{pid} #{pane_pid}'])
  const [pid, leaderPid] = pane.stdout.split(' ').map(Number)
  const leader = pid === server.pid && leaderPid ? await identifyProcess(leaderPid) : undefined
  const how = { sessionId: '$0', leader, by: 'launch', graceMs: 500 }
  await teardown({ ...launch, ...recordedAs(root, launch), ...how })
}

/** Ends a session whose launcher was killed before it was ready. For who holds the identity's lock. */
export async function abortLaunch(root: string, session: PeerSession): Promise<void> {
  const { gen = NO_GENERATION } = session
  await endUnfinished(root, { ...session, gen, why: 'its launch was cut off' })
  await removeSession(root, session.identity)
}

/** Whether the peer of a generation has ended, on purpose or not. */
const isOver = (root: string, { recordedAs: identity, gen }: CanaryInfo): boolean =>
  isIdentity(identity) && (isDetached(root, identity, gen) || isClaimed(root, { identity, gen }))

/**
 * Ends guarded servers of an identity that no session knows of: what a launch that was killed has left.
 * @returns what is guarded and watched in the root, as it is after that
 */
async function endUnrecordedServer(
  root: string,
  identity: Identity,
  session: PeerSession | undefined,
): Promise<readonly CanaryInfo[]> {
  const canaries = await listCanaries(rootRecordLocation(root))
  let isChanged = false
  for (const canary of canaries) {
    const { gen, mode, socketPath } = canary
    // A watch is of a server that was started by someone else; a peer that was renamed has the name it has now.
    if (mode !== 'guard' || canary.identity !== identity || !isIdentity(canary.recordedAs)) continue
    const server = gen === session?.gen ? undefined : await identifyProcess(canary.serverPid)
    // One that was a peer once lives on for what others run in it.
    if (server === undefined || isOver(root, canary)) continue
    const launched = { identity, recordedAs: canary.recordedAs, gen }
    await endUnfinished(root, { ...launched, socketPath, server, why: 'its launch was cut off' })
    isChanged = true
  }
  return isChanged ? listCanaries(rootRecordLocation(root)) : canaries
}

/**
 * Sees to it that nothing of an earlier life of an identity is in the way; what has died is recorded first. For who holds
 * the identity's lock.
 * @returns what is guarded and watched in the root, as it is after that
 */
export async function cleanUpStale(root: string, identity: Identity): Promise<readonly CanaryInfo[]> {
  const old = await readSession(root, identity)
  if (old !== undefined) await settleEnded(root, old)
  return endUnrecordedServer(
    root,
    identity,
    old === undefined ? undefined : await readSession(root, identity),
  )
}

/**
 * The socket for a new life of an identity: its own, or the next one where an earlier server of its lives on for the
 * sessions of others, or a peer that had this name once uses it.
 * @param canaries those of the root, from {@link cleanUpStale}
 */
export async function freeSocket(
  root: string,
  identity: Identity,
  canaries: readonly CanaryInfo[],
): Promise<string> {
  const { socketDir } = rootLayout(root)
  const taken = new Set<string>()
  await sweepDetached(root, identity, new Set(canaries.map(({ gen }) => gen)))
  for (const canary of canaries) {
    const { socketPath, serverPid } = canary
    if (canary.identity === identity && !isOver(root, canary)) continue
    if ((await identifyProcess(serverPid)) !== undefined) taken.add(socketPath)
  }
  // Where nothing is recorded: a peer that was renamed keeps its socket.
  for (const session of await listSessions(root))
    if (session.identity !== identity && (await observeProcess(session.server)) !== 'gone')
      taken.add(session.socketPath)
  for (let nth = 1; ; nth++) {
    const path = peerSocketPath(socketDir, identity, nth)
    if (!taken.has(path)) return path
  }
}
