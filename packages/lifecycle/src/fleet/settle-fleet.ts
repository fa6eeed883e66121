import { observeProcesses } from '@iapeer/core/process'
import { finishSessions } from '../reap/index.ts'
import { listSessions, type PeerSession } from '../sessions/index.ts'
import { policyOf, settleAndPlan, usableSettings } from '../supervise/index.ts'
import { isSupervised } from './is-supervised.ts'
import { finishRename } from './rename.ts'

async function endedSessions(root: string): Promise<PeerSession[]> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map(({ server }) => server)),
    observeProcesses(sessions.map(({ leader }) => leader)),
  ])
  return sessions.filter((_session, at) => servers[at] === 'gone' || leaders[at] === 'gone')
}

/**
 * Settles every session that has ended: for commands that show or stop peers, so that what they print is true. Records an exit
 * that tmux has missed. Where no daemon runs, it also counts the end and plans a restart as the daemon would.
 */
export async function settleFleet(root: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  await finishRename(root)
  await finishSessions(root)
  if (await isSupervised(root)) return
  for (const session of await endedSessions(root)) {
    const profile = await policyOf(root, session.identity, () => undefined)
    await settleAndPlan(root, session, {
      settings: usableSettings(env),
      now: new Date(),
      chance: Math.random(),
      profile,
    })
  }
}
