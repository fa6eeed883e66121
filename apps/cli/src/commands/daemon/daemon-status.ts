import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { print, printJson } from '../../output.ts'
import { wrapLines } from '../../wrap.ts'
import { JSON_OUTPUT, UTC } from '../options.ts'
import { daemonFault, daemonStatusText } from './daemon-status-text.ts'

export default defineCommand({
  name: 'daemon status',
  exitCodes: { 3: 'not running', 5: 'unresponsive or stalled' },
  summary: 'print the state of the daemon',
  options: { json: JSON_OUTPUT, utc: UTC },
  run: async ({ options }) => {
    const found = await daemonStatus(iapeerRoot())
    if (options.json) printJson(found)
    else print(wrapLines(daemonStatusText(found, { utc: options.utc })))
    if (found.state === 'stopped') process.exitCode = EXIT.notRunning
    if (daemonFault(found) !== undefined) process.exitCode = EXIT.daemonUnreachable
  },
})
