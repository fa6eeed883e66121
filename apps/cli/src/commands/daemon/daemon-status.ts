import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { daemonFault, daemonStatusText } from './daemon-status-text.ts'

export default defineCommand({
  name: 'daemon status',
  summary: 'print the state of the daemon (exit code 3: not running; 5: unresponsive or stalled)',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const found = await daemonStatus(iapeerRoot())
    if (options.json) printJson(found)
    else print(daemonStatusText(found))
    if (found.state === 'stopped') process.exitCode = EXIT.notRunning
    if (daemonFault(found) !== undefined) process.exitCode = EXIT.daemonUnreachable
  },
})
