import { join } from 'node:path'
import type { Check, DoctorContext, Finding } from '../finding.ts'
import { runningSessions } from './tmux.ts'

/** Names what the user's tmux.conf contains that peers cannot run with; each launch sets it back. */
async function runTmuxConf({ root }: DoctorContext): Promise<Finding[]> {
  const sessions = await runningSessions(root)
  const names = [...new Set(sessions.flatMap(({ setBack }) => setBack ?? []))].sort()
  if (names.length === 0) return []
  return [
    {
      id: 'tmux-conf-set-back',
      level: 'note',
      what: `iapeer sets back what peers cannot run with: ${names.join(', ')}`,
      where: join(root, 'tmux.conf'),
      fix: 'Remove it from this file. The start of a peer prints what each would have done.',
    },
  ]
}

export const tmuxConf: Check = {
  id: 'tmux-conf',
  title: 'tmux configuration of peers',
  group: 'tmux',
  run: runTmuxConf,
}
