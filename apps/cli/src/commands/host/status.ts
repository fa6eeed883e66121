import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { print } from '../../output.ts'
import { daemonStatusText } from '../daemon/daemon-status-text.ts'
import { overview } from './overview.ts'

export default defineCommand({
  name: 'status',
  summary: "print the daemon's state, what is watched, and what died last",
  run: async () => {
    print(daemonStatusText(await daemonStatus(iapeerRoot())))
    await overview()
  },
})
