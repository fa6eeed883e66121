import { isIapeerError } from '@iapeer/core/errors'
import { locateDaemon } from '@iapeer/core/locate'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  daemonSettings,
  installService,
  lastingPath,
  planService,
  refuseVanishing,
  type ServiceSpec,
  type ServiceStatus,
  type ServiceSystem,
  serviceStatus,
  thisServiceSystem,
  uninstallService,
} from '@iapeer/host'
import { EXIT, explain } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { version } from '../../version.ts'

interface InstallOptions {
  readonly print?: boolean
  readonly json?: boolean
}

function specFor(system: ServiceSystem): ServiceSpec {
  return {
    root: iapeerRoot(),
    node: process.execPath,
    entry: locateDaemon(import.meta.url),
    path: lastingPath(system.env['PATH'] ?? '', system),
    version: version(),
    env: daemonSettings(system.env).recorded,
  }
}

/** What would be written, and why install would refuse to, if it would. */
async function show(spec: ServiceSpec, system: ServiceSystem): Promise<void> {
  const plan = planService(spec, system)
  print(plan.text.trimEnd())
  try {
    await refuseVanishing(spec, system)
    process.stderr.write(`iapeer: that is what would be in ${plan.path}\n`)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    process.stderr.write(explain(error))
    process.exitCode = EXIT.failed
  }
}

const SAID = {
  installed: 'is installed and runs',
  updated: 'is brought up to date and runs',
  already: 'was installed already, and runs',
} as const

function lingerHint(lingers: boolean | undefined, user: string): void {
  if (lingers === false)
    print(`  It ends at the last logout of ${user}, until: loginctl enable-linger ${user}`)
}

export async function install(options: InstallOptions): Promise<void> {
  const system = thisServiceSystem()
  const spec = specFor(system)
  if (options.print === true) return show(spec, system)
  const { state, manager, path, lingers, tookOverFrom } = await installService(spec, system)
  if (options.json === true)
    return printJson({ state, manager, path, root: spec.root, lingers, tookOverFrom })
  print(`${paint('green', '●')} the daemon of ${spec.root} ${SAID[state]}`)
  print(`  ${path}`)
  if (tookOverFrom !== undefined)
    print(`  It took over from the daemon in the background (pid ${tookOverFrom}).`)
  const { withheld } = daemonSettings(system.env)
  if (withheld.length > 0)
    print(`  Not written into that file, for they hold or need a secret: ${withheld.join(', ')}`)
  lingerHint(lingers, system.user)
}

export async function uninstall(options: { readonly json?: boolean }): Promise<void> {
  const { state, path } = await uninstallService(iapeerRoot(), thisServiceSystem())
  if (options.json === true) return printJson({ state, path })
  if (state === 'none') print('no service is installed')
  else print(`${paint('dim', '✕')} the service is removed; peers go on`)
}

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

function tell(status: ServiceStatus, system: ServiceSystem): void {
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
export async function status(options: { readonly json?: boolean }): Promise<void> {
  const system = thisServiceSystem()
  const now = await serviceStatus(iapeerRoot(), system)
  if (!now.installed || !now.active) process.exitCode = EXIT.notRunning
  if (options.json === true) printJson(now)
  else tell(now, system)
}
