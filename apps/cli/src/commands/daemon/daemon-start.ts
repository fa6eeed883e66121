import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { startDaemonNow } from './bring-up-daemon.ts'

export default defineCommand({
  name: 'daemon start',
  summary: 'start the daemon in the background; does nothing if it is running',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const { state, health, socketPath } = await startDaemonNow()
    const { pid, version } = health
    if (health.status === 'stalled') {
      process.stderr.write('iapeer: the daemon is stalled\n  iapeer daemon status says what to do.\n')
      process.exitCode = EXIT.daemonUnreachable
    }
    if (options.json) printJson({ state, pid, version, socketPath })
    else
      print(
        `${paint('green', '●')} the daemon is ${state === 'already' ? 'already ' : ''}running: pid ${pid}`,
      )
  },
})
