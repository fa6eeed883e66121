import { iapeerRoot } from '@iapeer/core/paths'
import { refreshNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemon } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT, STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-named.ts'
import { blockedText } from './blocked-text.ts'

/** Brings what runs of a peer up again, where it was if its runtime can. */
export default defineCommand({
  name: 'refresh',
  summary: 'take what runs of a peer down and bring it up again, where it was if it can',
  args: { peer: PEER },
  options: { timeout: STOP_TIMEOUT, json: JSON_OUTPUT },
  run: async ({ args: { peer }, options: { timeout: timeoutMs, json } }) => {
    const outcome =
      (await askDaemon((daemon) => daemon.refresh(peer, { timeoutMs }))) ??
      (await refreshNamed(iapeerRoot(), peer, { by: 'iapeer refresh', timeoutMs }))
    const { session } = outcome
    if (outcome.state === 'not-running') process.exitCode = EXIT.notRunning
    if (session?.state === 'blocked') process.exitCode = EXIT.blocked
    if (json) return printJson({ peer, ...outcome })
    if (session === undefined) return print(`${paint('bold', peer)} is not running\n  iapeer start ${peer}`)
    if (session.state === 'blocked') return print(blockedText(session))
    print(`${paint('green', '●')} ${paint('bold', session.identity)} is up anew: pid ${session.leaderPid}`)
  },
})
