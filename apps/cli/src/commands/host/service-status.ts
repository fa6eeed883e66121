import { iapeerRoot } from '@iapeer/core/paths'
import { type ServiceStatus, type ServiceSystem, serviceStatus, thisServiceSystem } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { lingerHint } from './linger-hint.ts'

function headline(status: ServiceStatus): string {
  const { installed, foreign, otherRoot, active, path, pid, said = 'unknown', why } = status
  if (foreign) return `${paint('yellow', '!')} ${path} was not made by iapeer, and is left alone`
  if (otherRoot !== undefined)
    return `${paint('yellow', '!')} the service is that of another root: ${otherRoot}`
  if (!installed) return `${paint('dim', '○')} no service is installed`
  if (active) return `${paint('green', '●')} the daemon runs${pid === undefined ? '' : `: pid ${pid}`}`
  const reason = why === undefined ? '' : `: ${why}`
  return `${paint('red', '!')} the service is installed, and does not run (${said})${reason}`
}

/** What keeps it from running, or will, and how to mend that. */
function obstacles({ active, gone, otherDaemon, why, manager }: ServiceStatus): string[] {
  const again = 'run iapeer service install again'
  if (gone !== undefined)
    return [active ? `${gone} is gone, so that it cannot start again: ${again}` : `${gone} is gone: ${again}`]
  if (otherDaemon !== undefined)
    return [
      `A daemon in the background holds the root (pid ${otherDaemon}): iapeer service install takes over`,
    ]
  if (active || why === undefined || manager !== 'systemd') return []
  return ['journalctl --user -u iapeerd.service says what the daemon said']
}

function report(status: ServiceStatus, system: ServiceSystem): void {
  const { installed, enabled, path, noManager } = status
  print(headline(status))
  if (noManager !== undefined) print(`  ${noManager}; iapeer daemon start works without`)
  if (!installed) return
  print(`  ${path}`)
  for (const line of obstacles(status)) print(`  ${line}`)
  if (noManager === undefined && !enabled) print('  It is not started at a login: iapeer service install')
  lingerHint(status.lingers, system.user)
}

/** Exit code 3 when the service of this root does not run. */
export default defineCommand({
  name: 'service status',
  summary: 'whether it is installed and runs (exit code 3: it does not)',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const system = thisServiceSystem()
    const now = await serviceStatus(iapeerRoot(), system)
    if (!now.installed || !now.active) process.exitCode = EXIT.notRunning
    if (options.json) printJson(now)
    else report(now, system)
  },
})
