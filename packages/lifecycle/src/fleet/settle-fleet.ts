import { daemonPaths, rootRecordLocation } from '@iapeer/core/paths'
import { observeProcesses } from '@iapeer/core/process'
import { readLockHolder } from '@iapeer/core/storage'
import { restoreExitHooks } from '@iapeer/tmux'
import { finishSessions, isUnrecorded } from '../reap/index.ts'
import { listSessions, type PeerSession } from '../sessions/index.ts'
import { policyOf, settleAndPlan, usableSettings } from '../supervise/index.ts'
import { finishRename } from './rename.ts'
import { WriteAttempts } from './unwritable.ts'

async function isSupervised(root: string): Promise<boolean> {
  const holder = await readLockHolder(daemonPaths(root).lock)
  return holder !== undefined && holder.liveness !== 'gone'
}

/**
 * Returns the sessions that have ended. One whose leader has exited without a record, while its server still runs, has not: only
 * its server knows how the program exited.
 */
async function endedSessions(root: string): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map(({ server }) => server)),
    observeProcesses(sessions.map(({ leader }) => leader)),
  ])
  return sessions.filter(
    (session, at) => servers[at] === 'gone' || (leaders[at] === 'gone' && !isUnrecorded(root, session)),
  )
}

/** Says that an exit is known, and that only its tmux server knows how the program exited. */
const unrecordedText = ({ identity, leader, server }: PeerSession): string =>
  `the exit of ${identity} (pid ${leader.pid}) cannot be recorded yet: its tmux server (pid ${server.pid}) does not answer`

/**
 * Settles every session that has ended: for commands that show or stop peers, so that what they print is true. Records an exit
 * that tmux has missed. Where no daemon runs, it also counts the end and plans a restart as the daemon would.
 * @returns why something could not be recorded, as on a full disk: a later call records it; undefined if everything was
 */
export async function settleFleet(
  root: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const attempts = new WriteAttempts()
  await finishRename(root)
  await attempts.attempt(() => restoreExitHooks(rootRecordLocation(root)))
  await attempts.attempt(async () => {
    const [session] = await finishSessions(root)
    if (session !== undefined) attempts.note(unrecordedText(session))
  })
  if (await isSupervised(root)) return attempts.problem()
  for (const session of await endedSessions(root)) {
    const profile = await policyOf(root, session.identity, () => undefined)
    const input = { settings: usableSettings(env), now: new Date(), chance: Math.random(), profile }
    await attempts.attempt(() => settleAndPlan(root, session, input))
  }
  return attempts.problem()
}
