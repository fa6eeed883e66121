import { serviceStatus } from '../../service/status.ts'
import type { Check, DoctorContext, Finding } from '../finding.ts'

const INSTALL = 'Run this again: iapeer service install'

/** Checks the installed service. The check of the daemon reports what is running. */
async function runService({ root, system }: DoctorContext): Promise<Finding[]> {
  const status = await serviceStatus(root, system)
  const { installed, active, missingProgram, path: where, otherDaemon } = status
  if (!installed) return []
  if (missingProgram !== undefined)
    return [
      {
        id: 'service-program-gone',
        level: 'warning',
        what: `the service cannot ${active ? 'restart' : 'start'}: ${missingProgram} does not exist any more`,
        where,
        fix: INSTALL,
      },
    ]
  if (active || status.noManager !== undefined) return []
  if (otherDaemon !== undefined)
    return [
      {
        id: 'service-kept-out',
        level: 'warning',
        what: `the service cannot start: another daemon of this root runs in the background (pid ${otherDaemon})`,
        where,
        fix: INSTALL,
      },
    ]
  const { why, managerState = 'unknown' } = status
  return [
    {
      id: 'service-down',
      level: why === undefined ? 'note' : 'warning',
      what: `the service is installed but not running (${managerState})${why === undefined ? '' : `: ${why}`}`,
      where,
      fix: INSTALL,
    },
  ]
}

export const service: Check = { id: 'service', title: 'Service', group: 'sessions', run: runService }
