import { iapeerRoot } from '@iapeer/core/paths'
import { stopDaemon } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { keepRunning } from './running-peers.ts'

export default defineCommand({
  name: 'daemon stop',
  summary: 'stop the daemon; the peers keep running',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const root = iapeerRoot()
    const result = await stopDaemon(root)
    if (options.json) printJson(result)
    else if (result.state === 'stopped') print(`${paint('dim', '○')} the daemon was not running`)
    else print(`${paint('dim', '○')} the daemon (pid ${result.pid}) is stopped${await keepRunning(root)}`)
  },
})
