import { observeProcesses } from '@iapeer/core/process'
import { listSessions, type PeerSession } from '../sessions/index.ts'
import { isSupervised } from './is-supervised.ts'
import { isRenamePending } from './rename-pending.ts'

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
  // What finishes and settles is a lot of code, and most commands have nothing to settle: it is loaded when it is needed.
  if (isRenamePending(root)) await (await import('./rename.ts')).finishRename(root)
  if ((await endedSessions(root)).length === 0) return
  await (await import('../reap/index.ts')).finishSessions(root)
  if (await isSupervised(root)) return
  const { policyOf, settleAndPlan, usableSettings } = await import('../supervise/index.ts')
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
