import { type CanaryInfo, listCanaries } from '@iapeer/canary'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { identifyProcess, observeProcess, type ProcessId } from '@iapeer/core/process'
import { isEmptyServer, peerSocketPath, TmuxServer, teardown } from '@iapeer/tmux'
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
import { keepConversation } from './keep-conversation.ts'
import { settleEnded } from './settle.ts'

/** A server that was started for an identity and did not become a session. */
export interface UnfinishedLaunch extends RecordedSession {
  readonly socketPath: string
  readonly server: ProcessId
  readonly why: string
}

/** Stops the server of an unfinished launch, and its program if there is one: no death is recorded. */
export async function stopUnfinished(root: string, launch: UnfinishedLaunch): Promise<void> {
  const { socketPath, server } = launch
  const handle = new TmuxServer({ socketPath, process: server, timeoutMs: 1_000 })
  // The first pane of a new server is `%0`, in the session `$0`.
  const pane = await handle.run(['display-message', '-p', '-t', '%0', '#{pid} #{pane_pid}'])
  const [pid, leaderPid] = pane.stdout.split(' ').map(Number)
  const leader = pid === server.pid && leaderPid ? await identifyProcess(leaderPid) : undefined
  const target = { sessionId: '$0', leader, by: 'launch', graceMs: 500 }
  await teardown({ ...launch, ...recordedAs(root, launch), ...target })
}

/** Stops a session whose launcher was killed before the session was ready. The caller holds the lock of the identity. */
export async function abortLaunch(root: string, session: PeerSession): Promise<void> {
  const { gen = NO_GENERATION } = session
  await stopUnfinished(root, { ...session, gen, why: 'its launch was interrupted' })
  await keepConversation(root, session)
  await removeSession(root, session.identity)
}

/** Whether the session of a generation has ended, on purpose or not, although its server may still run. */
const hasEnded = (root: string, { identity: present, recordedAs: identity, gen }: CanaryInfo): boolean =>
  isIdentity(identity) &&
  // The stop of a renamed peer marks its server under the present name.
  ([identity, present].some((name) => isIdentity(name) && isDetached(root, name, gen)) ||
    isClaimed(root, { identity, gen }))

/**
 * Stops guarded servers of an identity that have no session: a launch that was killed left them. The caller holds the lock of the identity.
 * @returns the canaries of the root after that
 */
export async function stopUnenrolled(root: string, identity: Identity): Promise<readonly CanaryInfo[]> {
  const session = await readSession(root, identity)
  const canaries = await listCanaries(rootRecordLocation(root))
  let isChanged = false
  for (const canary of canaries) {
    const { gen, mode, socketPath } = canary
    // A watched server was not started by iapeer. `canary.identity` is the present name of a renamed peer.
    if (mode !== 'guard' || canary.identity !== identity || !isIdentity(canary.recordedAs)) continue
    const server = gen === session?.gen ? undefined : await identifyProcess(canary.serverPid)
    if (server === undefined) continue
    // A server whose session has ended goes on because a person has sessions in it.
    if (hasEnded(root, canary) && !(await isEmptyServer({ socketPath, process: server }))) continue
    const launched = { identity, recordedAs: canary.recordedAs, gen }
    await stopUnfinished(root, { ...launched, socketPath, server, why: 'its launch was interrupted' })
    isChanged = true
  }
  return isChanged ? listCanaries(rootRecordLocation(root)) : canaries
}

/**
 * Settles and removes what an earlier session or launch of an identity left behind; a death is recorded first. The caller holds
 * the lock of the identity.
 * @returns the canaries of the root after that
 */
export async function cleanUpStale(root: string, identity: Identity): Promise<readonly CanaryInfo[]> {
  const old = await readSession(root, identity)
  if (old !== undefined) await settleEnded(root, old, { isUrgent: true })
  return stopUnenrolled(root, identity)
}

/**
 * Returns the path of a free socket for a new session of an identity: its usual one, or a numbered one where that is used by a
 * detached server of the identity, or by a peer that had this name before it was renamed.
 * @param canaries the canaries of the root, from {@link cleanUpStale}
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
    if (canary.identity === identity && !hasEnded(root, canary)) continue
    if ((await identifyProcess(serverPid)) !== undefined) taken.add(socketPath)
  }
  // A renamed peer keeps its socket; where nothing is recorded, only its session file has the path.
  for (const session of await listSessions(root))
    if (session.identity !== identity && (await observeProcess(session.server)) !== 'gone')
      taken.add(session.socketPath)
  for (let nth = 1; ; nth++) {
    const path = peerSocketPath(socketDir, identity, nth)
    if (!taken.has(path)) return path
  }
}
