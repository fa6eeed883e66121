import { defaultSocketPath, ensureCanary, identityForSocket } from '@iapeer/canary'
import { exitCodeOf as exitCodeOfCode } from '@iapeer/core/errors/catalogue'
import { iapeerRoot } from '@iapeer/core/paths'
import { identifyProcess } from '@iapeer/core/process'
import { socketPathOf } from '@iapeer/lifecycle/launch'
import { keepWatch } from '@iapeer/lifecycle/supervise'
import { TmuxServer } from '@iapeer/tmux'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { recordLocation } from '../deaths/death-records.ts'
import { JSON_OUTPUT } from '../options.ts'

/** What a watch records, compared with a server that iapeer starts. docs/watch-or-start.md explains it. */
const WATCH_OR_START = `
                                        this watch       iapeer start
  the server died, and when             yes              yes
  its exit status and signal            no               yes
  who ran kill-server                   no               yes
  an agent in it died, and why          no               yes
  the last screen of the agent          no               yes
  a restart after a death               no               yes, by a policy

  To learn more about the program in a pane, make it a peer:
  iapeer create NAME --from-pane SOCKET:%PANE`

const OTHER_SOCKET =
  "To print the socket path, run inside that tmux: tmux display-message -p '#{socket_path}'"
/** What to do about a failure, by its code. */
const HINTS: Readonly<Record<string, string>> = {
  'no-server': OTHER_SOCKET,
  'server-unresponsive': OTHER_SOCKET,
  'is-a-peer': OTHER_SOCKET,
  'record-dir-unwritable': 'Make that directory writable, or choose another root (IAPEER_ROOT).',
}

export default defineCommand({
  name: 'watch',
  exitCodes: { 1: 'it cannot be watched', 2: 'usage', 3: 'no tmux server is running there' },
  summary: 'watch a running tmux server; it is not changed',
  args: {
    socket: {
      optional: true,
      help: "the server's socket: a path, or a name as for tmux -L (default: $TMUX, else tmux's default socket)",
    },
  },
  options: {
    identity: {
      value: 'identity',
      help: 'name in the records, <kind>-<name> (default: tmux-<socket name>)',
    },
    keep: { help: 'let the daemon and later commands watch the server again after it was restarted' },
    json: JSON_OUTPUT,
  },
  run: async ({ args: { socket }, options }) => {
    if (socket === '')
      throw usageError('the socket path is empty', 'Omit it for the tmux that you are in, or pass a path.')
    const socketPath = socketPathOf(socket ?? defaultSocketPath(), process.env)
    const identity = options.identity ?? identityForSocket(socketPath)
    const result = await ensureCanary({ identity, socketPath, ...recordLocation() })
    if (result.state === 'failed') process.exitCode = exitCodeOfCode(result.code)
    else if (options.keep) await keepWatch(iapeerRoot(), { identity, socketPath })
    if (options.json) return printJson({ ...result, identity })
    if (result.state === 'failed') {
      process.stderr.write(`iapeer: ${identity} is not watched: ${result.reason}\n`)
      const hint = HINTS[result.code]
      if (hint !== undefined) process.stderr.write(`  ${hint}\n`)
      return
    }
    if (result.state === 'skipped') return print(`${identity} is not watched: ${result.reason}`)
    const how = result.state === 'spawned' ? 'now watched' : 'already watched'
    print(
      `${paint('green', '●')} ${paint('bold', identity)} is ${how}: tmux server ${result.serverPid} at ${socketPath}`,
    )
    const server = result.state === 'already' ? await identifyProcess(result.serverPid) : undefined
    const lost = server && (await new TmuxServer({ socketPath, process: server }).unreachable())
    if (lost !== undefined)
      process.stderr.write(`iapeer: that server runs, but ${lost.what}\n  ${lost.fix}\n`)
    if (options.keep)
      print('  Kept: it is watched again after it was restarted, by the daemon or the next command.')
    print(`  After it has died: iapeer autopsy ${identity}`)
    if (result.state === 'spawned') print(WATCH_OR_START)
  },
})
