import { isIapeerError } from '@iapeer/core/errors'
import { locateDaemon } from '@iapeer/core/locate'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  assertStablePaths,
  daemonSettings,
  installService,
  planService,
  type ServiceSpec,
  type ServiceSystem,
  thisServiceSystem,
  withoutEphemeralPaths,
} from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT, explain } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { version } from '../../version.ts'
import { JSON_OUTPUT } from '../options.ts'
import { lingerHint } from './linger-hint.ts'

function specFor(system: ServiceSystem): ServiceSpec {
  return {
    root: iapeerRoot(),
    node: process.execPath,
    entry: locateDaemon(import.meta.url),
    path: withoutEphemeralPaths(system.env['PATH'] ?? '', system),
    version: version(),
    env: daemonSettings(system.env).recorded,
  }
}

/** Prints the file that `install` would write, and the error if it would refuse to. */
async function show(spec: ServiceSpec, system: ServiceSystem): Promise<void> {
  const plan = planService(spec, system)
  print(plan.text.trimEnd())
  try {
    await assertStablePaths(spec, system)
    process.stderr.write(`iapeer: this would be written to ${plan.path}\n`)
  } catch (error) {
    if (!isIapeerError(error)) throw error
    process.stderr.write(explain(error))
    process.exitCode = EXIT.failed
  }
}

const RESULTS = {
  installed: 'is installed as a service and running',
  updated: 'is running, and its service file is updated',
  already: 'is already installed as a service and running',
} as const

export default defineCommand({
  name: 'service install',
  summary: 'run the daemon under systemd or launchd, now and after each login; can be repeated',
  options: { print: { help: 'print the unit file, and write nothing' }, json: JSON_OUTPUT },
  run: async ({ options }) => {
    const system = thisServiceSystem()
    const spec = specFor(system)
    if (options.print) return show(spec, system)
    const { state, manager, path, lingers, tookOverFrom } = await installService(spec, system)
    if (options.json) return printJson({ state, manager, path, root: spec.root, lingers, tookOverFrom })
    print(`${paint('green', '●')} the daemon of ${spec.root} ${RESULTS[state]}`)
    print(`  ${path}`)
    if (tookOverFrom !== undefined)
      print(`  It replaced the daemon that was running in the background (pid ${tookOverFrom}).`)
    const { withheld } = daemonSettings(system.env)
    if (withheld.length > 0)
      print(`  Not written to that file, because they contain or need a secret: ${withheld.join(', ')}`)
    lingerHint(lingers, system.user)
  },
})
