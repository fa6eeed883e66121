import { iapeerRoot } from '@iapeer/core/paths'
import { daemonStatus } from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { wrapLines } from '../../wrap.ts'
import { daemonStatusText } from '../daemon/daemon-status-text.ts'
import { JSON_OUTPUT, UTC } from '../options.ts'
import { printOverview, readOverview } from './overview.ts'

export default defineCommand({
  name: 'status',
  summary: "print the daemon's state, what is watched, and what died last",
  options: { json: JSON_OUTPUT, utc: UTC },
  run: async ({ options }) => {
    const daemon = await daemonStatus(iapeerRoot())
    if (!options.json) print(wrapLines(daemonStatusText(daemon, options)))
    const overview = await readOverview()
    if (!options.json) return printOverview(overview, options)
    const { peers, watches, deaths } = overview
    const lastDeath = deaths.at(-1)
    printJson({
      daemon,
      peers: peers.length,
      watches,
      deaths: deaths.length,
      ...(lastDeath === undefined ? {} : { lastDeath }),
    })
  },
})
