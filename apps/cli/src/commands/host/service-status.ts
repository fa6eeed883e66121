import { iapeerRoot } from '@iapeer/core/paths'
import { type ServiceStatus, type ServiceSystem, serviceStatus, thisServiceSystem } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { lingerHint } from './linger-hint.ts'

function headline(status: ServiceStatus): string {
  const { installed, foreign, otherRoot, active, path, pid, managerState = 'unknown', why } = status
  if (foreign) return `${paint('yellow', '!')} iapeer did not write ${path}, and does not touch it`
  if (otherRoot !== undefined)
    return `${paint('yellow', '!')} the service belongs to another root: ${otherRoot}`
  if (!installed) return `${paint('dim', '○')} no service is installed`
  if (active) return `${paint('green', '●')} the daemon is running${pid === undefined ? '' : `: pid ${pid}`}`
  const reason = why === undefined ? '' : `: ${why}`
  return `${paint('red', '!')} the service is installed but not running (${managerState})${reason}`
}

/** Returns what prevents the service from running, now or after a restart, and how to fix it. */
function obstacles({ active, missingProgram, otherDaemon, why, manager }: ServiceStatus): string[] {
  if (missingProgram !== undefined) {
    const effect = active ? 'the service cannot be restarted' : 'the service cannot be started'
    return [`${missingProgram} no longer exists, so ${effect}: run iapeer service install again`]
  }
  if (otherDaemon !== undefined)
    return [
      `A daemon outside the service holds the root (pid ${otherDaemon}): iapeer service install replaces it`,
    ]
  if (active || why === undefined || manager !== 'systemd') return []
  return ['The log of the service: journalctl --user -u iapeerd.service']
}

function report(status: ServiceStatus, system: ServiceSystem): void {
  const { installed, enabled, path, noManager } = status
  print(headline(status))
  if (noManager !== undefined) print(`  ${noManager}; iapeer daemon start works without it`)
  if (!installed) return
  print(`  ${path}`)
  for (const line of obstacles(status)) print(`  ${line}`)
  if (noManager === undefined && !enabled)
    print('  The service does not start at login: run iapeer service install')
  lingerHint(status.lingers, system.user)
}

/** Exits with 3 if the service of this root is not running. */
export default defineCommand({
  name: 'service status',
  exitCodes: { 3: 'not installed, or not running' },
  summary: 'print whether the service is installed and running',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const system = thisServiceSystem()
    const now = await serviceStatus(iapeerRoot(), system)
    if (!now.installed || !now.active) process.exitCode = EXIT.notRunning
    if (options.json) printJson(now)
    else report(now, system)
  },
})
