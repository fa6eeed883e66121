import { iapeerRoot } from '@iapeer/core/paths'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemon } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT, PEER_EXIT_CODES } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'

/** Clears the tally of a peer. */
export default defineCommand({
  name: 'reset',
  exitCodes: PEER_EXIT_CODES,
  summary: 'clear the crash loop of a peer, so that it can start again',
  args: { peer: PEER },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer }, options }) => {
    let outcome = await askDaemon((daemon) => daemon.reset(peer))
    if (outcome === undefined) {
      const { resetNamed } = await import('./without-daemon.ts')
      outcome = await resetNamed(iapeerRoot(), peer)
    }
    if (options.json) return printJson({ peer, ...outcome })
    print(
      outcome.state === 'reset'
        ? `the crash loop of ${paint('bold', peer)} is cleared; the peer is not started yet\n  iapeer start ${peer}`
        : `${paint('bold', peer)} was not in a crash loop; its crash count is cleared`,
    )
  },
})
