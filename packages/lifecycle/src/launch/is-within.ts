import { readProcesses } from '@iapeer/core/process'

/** The process of a pane may be a wrapper, a shell or a launcher that started the agent. */
const MAX_STEPS = 8

/** Returns whether a process is a process of a pane, or a descendant of it. */
export async function isWithin(leader: number, pid: number): Promise<boolean> {
  for (let at = pid, steps = 0; steps <= MAX_STEPS; steps++) {
    if (at === leader) return true
    const facts = (await readProcesses([at])).get(at)
    if (facts === undefined || !('ppid' in facts)) return false
    at = facts.ppid
  }
  return false
}
