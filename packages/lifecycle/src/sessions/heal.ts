import { observeProcesses } from '@iapeer/core/process'
import { healLostChild } from '@iapeer/tmux'
import { listSessions } from './session-file.ts'

/**
 * Looks at every enrolled session whose leader has ended while its server lives on: where tmux has lost the signal of that,
 * it is told again, and the exit hook records it.
 * @returns how many needed it
 */
export async function healSessions(root: string): Promise<number> {
  const sessions = await listSessions(root)
  const [servers, leaders] = await Promise.all([
    observeProcesses(sessions.map((session) => session.server)),
    observeProcesses(sessions.map((session) => session.leader)),
  ])
  let healed = 0
  for (const [at, { server, leader }] of sessions.entries())
    if (servers[at] === 'alive' && leaders[at] === 'gone' && (await healLostChild(server, leader.pid)))
      healed++
  return healed
}
