import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { finishLaunch } from '@iapeer/lifecycle/launch'
import type { PeerSession } from '@iapeer/lifecycle/sessions'
import { TmuxServer } from '@iapeer/tmux'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { PEER } from '../peers/peer-named.ts'
import { blockedText } from './blocked-text.ts'
import { runningSession } from './running-session.ts'

/** Finishes a launch that was blocked, if the person has answered what stood there. */
async function finish(session: PeerSession): Promise<void> {
  const now = await finishLaunch(iapeerRoot(), session)
  if (now === undefined) return
  const { identity, leader, blocked } = now
  process.stderr.write(
    blocked === undefined
      ? `${identity} is up: pid ${leader.pid}\n`
      : `${blockedText({ identity, leaderPid: leader.pid, ...blocked })}\n`,
  )
}

/** A client of its own, also inside of another tmux: there it is nested, and keys for it take the prefix twice. */
export default defineCommand({
  name: 'attach',
  summary: 'sit down at the terminal of a peer; leaving (prefix d) never ends it',
  args: { peer: PEER },
  options: { readOnly: { short: 'r', help: 'look, and touch nothing' } },
  run: async ({ args: { peer }, options }) => {
    const session = await runningSession(peer)
    const { socketPath, server, sessionId, identity } = session
    const [own, ownPid] = (process.env['TMUX'] ?? '').split(',')
    if (own === socketPath || ownPid === String(server.pid))
      throw new IapeerError(`this is the terminal of ${identity}`, {
        code: 'attach-to-itself',
        hint: 'Attach from another terminal.',
      })
    if (process.stdin.isTTY !== true || process.stdout.isTTY !== true)
      throw new IapeerError('there is no terminal to attach', {
        code: 'no-terminal',
        hint: `Run it in a terminal; iapeer logs ${peer} shows what is on the screen.`,
      })
    const tmux = new TmuxServer({ socketPath, process: server })
    const state = await tmux.alive()
    if (state === 'incompatible')
      throw new IapeerError(`the tmux server of ${identity} runs another version, and refuses this tmux`, {
        code: 'tmux-version-mismatch',
        hint: `Its own program cannot be run either. Restart the peer: iapeer refresh ${peer}.`,
      })
    if (state !== 'alive')
      throw new IapeerError(`the tmux server of ${identity} is ${state}`, {
        code: 'server-unresponsive',
        hint: `It is process ${server.pid}: a stopped one goes on with kill -CONT ${server.pid}.`,
      })
    const nested =
      process.env['TMUX'] === undefined || process.env['TMUX'] === ''
        ? ''
        : ' (you are in tmux: press the prefix twice)'
    process.stderr.write(`${identity}: prefix d leaves it running${nested}\n`)
    const readOnly = options.readOnly ? ['-r'] : []
    const exitCode = await tmux.runInTerminal(['attach-session', ...readOnly, '-t', sessionId])
    if (exitCode !== 0) process.exitCode = EXIT.failed
    if (session.blocked !== undefined) await finish(session)
  },
})
