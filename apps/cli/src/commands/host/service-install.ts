import { isIapeerError } from '@iapeer/core/errors'
import { locateDaemon } from '@iapeer/core/locate'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  assertStablePaths,
  daemonSettings,
  installService,
  lastingPath,
  planService,
  type ServiceSpec,
  type ServiceSystem,
  thisServiceSystem,
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
    await assertStablePaths(spec, system)
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

export default defineCommand({
  name: 'service install',
  summary: 'run the daemon now and at every start; harmless to repeat',
  options: { print: { help: 'show what would be written, and write nothing' }, json: JSON_OUTPUT },
  run: async ({ options }) => {
    const system = thisServiceSystem()
    const spec = specFor(system)
    if (options.print) return show(spec, system)
    const { state, manager, path, lingers, tookOverFrom } = await installService(spec, system)
    if (options.json) return printJson({ state, manager, path, root: spec.root, lingers, tookOverFrom })
    print(`${paint('green', '●')} the daemon of ${spec.root} ${SAID[state]}`)
    print(`  ${path}`)
    if (tookOverFrom !== undefined)
      print(`  It took over from the daemon in the background (pid ${tookOverFrom}).`)
    const { withheld } = daemonSettings(system.env)
    if (withheld.length > 0)
      print(`  Not written into that file, for they hold or need a secret: ${withheld.join(', ')}`)
    lingerHint(lingers, system.user)
  },
})
