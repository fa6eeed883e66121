import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { serviceStatus, stopDaemon, thisServiceSystem } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { startDaemonNow } from './bring-up-daemon.ts'
import { keepRunning } from './running-peers.ts'

/** Fails while the daemon still runs if its service could not start it again, as after an upgrade that moved it. @throws IapeerError `daemon-missing` */
async function assertRestartable(root: string): Promise<void> {
  const { missingProgram, noManager } = await serviceStatus(root, thisServiceSystem())
  // Without a service manager, the daemon is started without its service.
  if (missingProgram === undefined || noManager !== undefined) return
  throw new IapeerError(
    `the service cannot start the daemon again: ${missingProgram} does not exist any more; nothing was stopped`,
    {
      code: 'daemon-missing',
      hint: 'Write the service anew, which also restarts the daemon: iapeer service install',
    },
  )
}

export default defineCommand({
  name: 'daemon restart',
  summary: 'stop the daemon and start it again, for example after an upgrade; the peers keep running',
  exitCodes: { 5: 'the daemon does not answer' },
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const root = iapeerRoot()
    await assertRestartable(root)
    const before = await stopDaemon(root)
    const { health, socketPath } = await startDaemonNow()
    const { pid, version } = health
    const state = before.state === 'stopped' ? 'started' : 'restarted'
    if (options.json) return printJson({ state, pid, version, socketPath })
    const was = state === 'started' ? 'was not running, and is started' : 'is restarted'
    print(`${paint('green', '●')} the daemon ${was}: pid ${pid}${await keepRunning(root)}`)
  },
})
