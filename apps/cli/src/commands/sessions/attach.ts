import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { finishLaunch } from '@iapeer/lifecycle/launch'
import type { PeerSession } from '@iapeer/lifecycle/sessions'
import { TmuxServer } from '@iapeer/tmux'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { PEER } from '../peers/peer-argument.ts'
import type { SessionName } from '../peers/session-name.ts'
import { blockedText } from './blocked-text.ts'
import { runningSession } from './running-session.ts'

/** A client that ended within this time was refused, in milliseconds. */
const REFUSED_MS = 2_000

/** Finishes a blocked launch, if the person has answered the dialog. */
async function finish(session: PeerSession, name: SessionName): Promise<void> {
  const now = await finishLaunch(iapeerRoot(), session)
  if (now === undefined) return
  const { leader, blocked } = now
  process.stderr.write(
    blocked === undefined
      ? `${name.shown} is running: pid ${leader.pid}\n`
      : `${blockedText(name, { leaderPid: leader.pid, ...blocked })}\n`,
  )
}

/** Starts a tmux client of its own. Inside another tmux that client is nested: the inner one gets the prefix when it is pressed twice. */
export default defineCommand({
  name: 'attach',
  exitCodes: { 3: 'not running', 4: 'no such peer' },
  summary: 'attach to the terminal of a peer; detaching (prefix d) never stops it',
  args: { peer: PEER },
  options: { readOnly: { short: 'r', help: 'attach read-only' } },
  run: async ({ args: { peer }, options }) => {
    const { session, name } = await runningSession(peer)
    const { socketPath, server, sessionId } = session
    const [own, ownPid] = (process.env['TMUX'] ?? '').split(',')
    if (own === socketPath || ownPid === String(server.pid))
      throw new IapeerError(`this is the terminal of ${name.shown}`, {
        code: 'attach-to-itself',
        hint: 'Attach from another terminal.',
      })
    if (process.stdin.isTTY !== true || process.stdout.isTTY !== true)
      throw new IapeerError('iapeer attach needs a terminal', {
        code: 'no-terminal',
        hint: `Run it in a terminal, or print the output: iapeer logs ${name.argument}`,
      })
    const tmux = new TmuxServer({ socketPath, process: server })
    const state = await tmux.alive()
    if (state === 'incompatible')
      throw new IapeerError(`the tmux server of ${name.shown} runs another version, and refuses this tmux`, {
        code: 'tmux-version-mismatch',
        hint: `The tmux program of that version cannot be run either. Restart the peer: iapeer restart ${name.argument}`,
      })
    const lost = state === 'unreachable' ? await tmux.unreachable() : undefined
    if (lost !== undefined)
      throw new IapeerError(`the tmux server of ${name.shown} runs, but ${lost.what}`, {
        code: 'server-unresponsive',
        hint: lost.fix,
      })
    if (state !== 'alive')
      throw new IapeerError(`the tmux server of ${name.shown} is ${state}`, {
        code: 'server-unresponsive',
        hint: `It is process ${server.pid}. If it was stopped by a signal, continue it: kill -CONT ${server.pid}`,
      })
    const nested =
      process.env['TMUX'] === undefined || process.env['TMUX'] === ''
        ? ''
        : ' (you are in tmux: press the prefix twice)'
    process.stderr.write(`${name.shown}: detach with prefix d${nested}\n`)
    const readOnly = options.readOnly ? ['-r'] : []
    const begun = performance.now()
    const exitCode = await tmux.runInTerminal(['attach-session', ...readOnly, '-t', sessionId])
    if (exitCode !== 0) {
      process.exitCode = EXIT.failed
      // tmux has printed why. It refuses a terminal at once; later it has lost its server.
      if (performance.now() - begun < REFUSED_MS)
        process.stderr.write(
          `iapeer: tmux could not attach to ${name.shown} (TERM is '${process.env['TERM'] ?? ''}')\n  If it does not know your terminal: TERM=xterm iapeer attach ${name.argument}\n`,
        )
    }
    if (session.blocked !== undefined) await finish(session, name)
  },
})
