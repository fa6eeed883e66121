import { defineCommand } from '../../define-command.ts'
import { print, printJson } from '../../output.ts'
import { reportRecordingProblem } from '../deaths/recording-problem.ts'
import { JSON_LINES, UTC } from '../options.ts'
import { currentPeers } from './current-peers.ts'
import { peerTable } from './peer-table.ts'

export default defineCommand({
  name: 'list',
  aliases: ['ls', 'ps'],
  summary: 'list peers and their state',
  options: {
    json: JSON_LINES,
    utc: UTC,
    cost: { help: 'also print the tokens of each peer, and what they cost (tokens.prices)' },
    watch: { short: 'w', help: 'keep the list on the screen and update it after each change' },
  },
  run: async ({ options }) => {
    if (options.watch) return (await import('./list-watch.ts')).watchList(options.utc)
    const listed = await currentPeers()
    const peers = options.cost ? await (await import('./with-tokens.ts')).withTokenCounts(listed) : listed
    if (options.json) {
      for (const peer of peers) printJson(peer)
    } else {
      const { isTTY, columns } = process.stdout
      const room = isTTY === true ? columns : undefined
      print(peerTable(peers, { utc: options.utc, columns: room, cost: options.cost }))
    }
    await reportRecordingProblem()
  },
})
