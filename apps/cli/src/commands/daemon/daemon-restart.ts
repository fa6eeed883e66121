import { iapeerRoot } from '@iapeer/core/paths'
import { stopDaemon } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { startDaemonNow } from './bring-up-daemon.ts'
import { keepRunning } from './running-peers.ts'

export default defineCommand({
  name: 'daemon restart',
  summary: 'stop the daemon and start it again, for example after an upgrade; the peers keep running',
  exitCodes: { 5: 'the daemon does not answer' },
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const root = iapeerRoot()
    const before = await stopDaemon(root)
    const { health, socketPath } = await startDaemonNow()
    const { pid, version } = health
    const state = before.state === 'stopped' ? 'started' : 'restarted'
    if (options.json) return printJson({ state, pid, version, socketPath })
    const was = state === 'started' ? 'was not running, and is started' : 'is restarted'
    print(`${paint('green', '●')} the daemon ${was}: pid ${pid}${await keepRunning(root)}`)
  },
})
