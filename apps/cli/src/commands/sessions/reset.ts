import { iapeerRoot } from '@iapeer/core/paths'
import { resetNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemon } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT } from '../options.ts'
import { PEER } from '../peers/peer-named.ts'

/** Forgets the crashes of a peer, so that it may be started again. */
export default defineCommand({
  name: 'reset',
  summary: 'forget the crashes of a peer, so that it may be started again',
  args: { peer: PEER },
  options: { json: JSON_OUTPUT },
  run: async ({ args: { peer }, options }) => {
    const outcome =
      (await askDaemon((daemon) => daemon.reset(peer))) ?? (await resetNamed(iapeerRoot(), peer))
    if (options.json) return printJson({ peer, ...outcome })
    print(
      outcome.state === 'reset'
        ? `${paint('bold', peer)} is out of its crash loop\n  iapeer start ${peer}`
        : `${paint('bold', peer)} was in no crash loop; its crashes are forgotten`,
    )
  },
})
