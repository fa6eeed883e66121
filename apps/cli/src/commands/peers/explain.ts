import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { peerNamed, runningOf, settleFleet } from '@iapeer/lifecycle/fleet'
import { turnText } from '@iapeer/lifecycle/fleet/status'
import { lookInTime } from '@iapeer/lifecycle/turns'
import { defineCommand } from '../../define-command.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { table } from '../../table.ts'
import { clockText, timeText } from '../../times.ts'
import { JSON_OUTPUT, UTC } from '../options.ts'
import { PEER } from './peer-argument.ts'
import { SOURCE_TEXTS } from './turn-row.ts'

export default defineCommand({
  name: 'explain',
  exitCodes: { 3: 'not running', 4: 'no such peer' },
  summary: 'print what an agent does, and which source said what, when',
  details: `Looks at the peer now, with or without the daemon.
The arrow marks the source that decided; docs/states.md lists the sources.`,
  args: { peer: PEER },
  options: { json: JSON_OUTPUT, utc: UTC },
  run: async ({ args: { peer }, options }) => {
    await settleFleet(iapeerRoot())
    const named = await peerNamed(iapeerRoot(), peer)
    const session = await runningOf(iapeerRoot(), named.identities)
    if (session === undefined)
      throw new IapeerError(`${named.entry.personality} is not running`, {
        code: 'not-running',
        hint: `Start it: iapeer start ${named.entry.personality}`,
      })
    const { turn, statements } = await lookInTime({ root: iapeerRoot(), session })
    if (options.json) return printJson({ identity: session.identity, turn, statements })
    const detail = turn.detail === undefined ? '' : ` (${plain(turn.detail)})`
    const since = turn.since === undefined ? '' : `, since ${timeText(turn.since, options)}`
    print(`${paint('bold', session.identity)}: ${plain(turnText(turn))}${detail}${since}`)
    const rows = statements.map(({ source, says, at }) => [
      `  ${source === turn.source ? '→' : ' '} ${SOURCE_TEXTS[source]}`,
      plain(says),
      at === undefined ? '' : paint('dim', clockText(at, options)),
    ])
    if (rows.length > 0) print(table(rows))
  },
})
