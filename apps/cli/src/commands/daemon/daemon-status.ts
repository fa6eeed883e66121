import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { daemonFault, daemonStatusText } from './daemon-status-text.ts'

export default defineCommand({
  name: 'daemon status',
  summary: 'whether it runs (exit code 3: it does not; 5: it does not answer, or is stalled)',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const found = await daemonStatus(iapeerRoot())
    if (options.json) printJson(found)
    else print(daemonStatusText(found))
    if (found.state === 'stopped') process.exitCode = EXIT.notRunning
    if (daemonFault(found) !== undefined) process.exitCode = EXIT.daemonUnreachable
  },
})
