import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { print } from '../../output.ts'
import { daemonStatusText } from '../daemon/daemon-status-text.ts'
import { overview } from './overview.ts'

export default defineCommand({
  name: 'status',
  summary: 'the daemon, and what is recorded of this host',
  run: async () => {
    print(daemonStatusText(await daemonStatus(iapeerRoot())))
    await overview()
  },
})
