import { iapeerRoot } from '@iapeer/core/paths'
import { thisServiceSystem, uninstallService } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { keepRunning } from '../daemon/running-peers.ts'
import { JSON_OUTPUT } from '../options.ts'

export default defineCommand({
  name: 'service uninstall',
  summary: 'stop the daemon and remove its service; the peers keep running',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const root = iapeerRoot()
    const { state, path } = await uninstallService(root, thisServiceSystem())
    if (options.json) return printJson({ state, path })
    if (state === 'none') print('no service is installed')
    else print(`${paint('dim', '✕')} the service is removed${await keepRunning(root)}`)
  },
})
