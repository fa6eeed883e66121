import { iapeerRoot } from '@iapeer/core/paths'
import { thisServiceSystem, uninstallService } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'

export default defineCommand({
  name: 'service uninstall',
  summary: 'end the daemon and remove its service; peers go on',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const { state, path } = await uninstallService(iapeerRoot(), thisServiceSystem())
    if (options.json) return printJson({ state, path })
    if (state === 'none') print('no service is installed')
    else print(`${paint('dim', '✕')} the service is removed; peers go on`)
  },
})
