// Starts a tmux server under a guard: node start.mjs <socket> [record directory]. Prints its state as one line of JSON.
import { startGuardedServer } from '@iapeer/canary'

const [socketPath, recordDir = './records'] = process.argv.slice(2)
if (socketPath === undefined) {
  process.stderr.write('usage: node start.mjs <socket> [record directory]\n')
  process.exit(2)
}
const { mode, server, guardPid, gen } = await startGuardedServer({
  identity: 'work-main',
  socketPath,
  recordDir,
})
process.stdout.write(`${JSON.stringify({ mode, pid: server.pid, guardPid, gen })}\n`)
