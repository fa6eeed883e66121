import { iapeerRoot } from '@iapeer/core/paths'
import { refreshNamed } from '@iapeer/lifecycle/fleet'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { askDaemon } from '../daemon/reach-daemon.ts'
import { JSON_OUTPUT, STOP_TIMEOUT } from '../options.ts'
import { PEER } from '../peers/peer-named.ts'
import { registeredName } from '../peers/session-name.ts'
import { blockedText } from './blocked-text.ts'

/** Does nothing, with exit code 3, if the peer is not running. */
export default defineCommand({
  name: 'refresh',
  summary: 'restart a peer and resume its conversation if possible',
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
    const name = await registeredName(session.identity)
    if (session.state === 'blocked') return print(blockedText(name, session))
    print(`${paint('green', '●')} ${paint('bold', name.shown)} is restarted: pid ${session.leaderPid}`)
  },
})
