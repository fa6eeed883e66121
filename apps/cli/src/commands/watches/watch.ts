import { resolve } from 'node:path'
import { defaultSocketPath, ensureCanary, identityForSocket } from '@iapeer/canary'
import { iapeerRoot } from '@iapeer/core/paths'
import { keepWatch } from '@iapeer/lifecycle/supervise'
import { defineCommand } from '../../define-command.ts'
import { EXIT, usageError } from '../../exit-code.ts'
import { paint, print, printJson } from '../../output.ts'
import { recordLocation } from '../deaths/bring-up-to-date.ts'
import { JSON_OUTPUT } from '../options.ts'

export default defineCommand({
  name: 'watch',
  summary: 'watch a running tmux server; nothing on it is changed',
  args: {
    socket: { optional: true, help: "the server's socket (default: $TMUX, else tmux's own default)" },
  },
  options: {
    identity: {
      value: 'identity',
      help: 'name in the records, <kind>-<name> (default: tmux-<socket name>)',
    },
    keep: { help: 'remember it: arm it again whenever that server runs and is not watched' },
    json: JSON_OUTPUT,
  },
  run: async ({ args: { socket }, options }) => {
    if (socket === '')
      throw usageError('the socket path is empty', 'Leave it out for the tmux you are in, or name a socket.')
    const socketPath = resolve(socket ?? defaultSocketPath())
    const identity = options.identity ?? identityForSocket(socketPath)
    const result = await ensureCanary({ identity, socketPath, ...recordLocation() })
    if (result.state === 'failed') process.exitCode = EXIT.failed
    else if (options.keep) await keepWatch(iapeerRoot(), { identity, socketPath })
    if (options.json) return printJson({ ...result, identity })
    if (result.state === 'failed') {
      process.stderr.write(`iapeer: ${identity} is not watched: ${result.reason}\n`)
      process.stderr.write("  Inside it, this names its socket: tmux display-message -p '#{socket_path}'\n")
      return
    }
    if (result.state === 'skipped') return print(`${identity} is not watched: ${result.reason}`)
    const how = result.state === 'spawned' ? 'now watched' : 'watched already'
    print(
      `${paint('green', '●')} ${paint('bold', identity)} is ${how}: tmux server ${result.serverPid} at ${socketPath}`,
    )
    print(`  When it dies: iapeer autopsy ${identity}`)
  },
})
