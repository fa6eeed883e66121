import { iapeerRoot } from '@iapeer/core/paths'
import { stopDaemon } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { startDaemonNow } from './reach-daemon.ts'

export default defineCommand({
  name: 'daemon restart',
  summary: 'stop the daemon and start it again, for example after an upgrade; the peers keep running',
  exitCodes: { 5: 'the daemon does not answer' },
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    await stopDaemon(iapeerRoot())
    const { health, socketPath } = await startDaemonNow()
    const { pid, version } = health
    if (options.json) printJson({ state: 'restarted', pid, version, socketPath })
    else print(`${paint('green', '●')} the daemon is restarted: pid ${pid}; the peers keep running`)
  },
})
