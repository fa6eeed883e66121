import { serviceStatus } from '../../service/status.ts'
import type { Check, DoctorContext, Finding } from '../finding.ts'

const AGAIN = 'iapeer service install'

/** What is wrong with the service that is installed; what runs is told by the check of the daemon. */
async function runService({ root, system }: DoctorContext): Promise<Finding[]> {
  const status = await serviceStatus(root, system)
  const { installed, active, gone, path: where, otherDaemon } = status
  if (!installed) return []
  if (gone !== undefined)
    return [
      {
        id: 'service-program-gone',
        level: 'warning',
        what: `the service cannot start${active ? ' again' : ''}: ${gone} is gone`,
        where,
        fix: AGAIN,
      },
    ]
  if (active || status.noManager !== undefined) return []
  if (otherDaemon !== undefined)
    return [
      {
        id: 'service-kept-out',
        level: 'warning',
        what: `the service cannot start: a daemon in the background holds the root (pid ${otherDaemon})`,
        where,
        fix: AGAIN,
      },
    ]
  const { why, said = 'unknown' } = status
  return [
    {
      id: 'service-down',
      level: why === undefined ? 'note' : 'warning',
      what: `the service is installed, and does not run (${said})${why === undefined ? '' : `: ${why}`}`,
      where,
      fix: AGAIN,
    },
  ]
}

export const service: Check = { id: 'service', title: 'The service', group: 'sessions', run: runService }
