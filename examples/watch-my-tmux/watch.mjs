// Watches a running tmux server and prints its death: node watch.mjs [socket] [record directory]
import { defaultSocketPath, ensureCanary, identityForSocket, onDeath } from '@iapeer/canary'

const [socketPath = defaultSocketPath(), recordDir = './records'] = process.argv.slice(2)
const identity = identityForSocket(socketPath)

const watch = await ensureCanary({ identity, socketPath, recordDir })
if (watch.state !== 'spawned' && watch.state !== 'already') {
  process.stderr.write(`${socketPath} is not watched: ${watch.reason}\n`)
  process.exit(1)
}
process.stdout.write(`watching ${identity}: tmux server ${watch.serverPid}\n`)

const stop = new AbortController()
await onDeath({ recordDir, signal: stop.signal }, (death) => {
  if (death.identity !== identity) return
  process.stdout.write(`${identity} died at ${death.ts}: ${death.cause}\n${death.snapshotPath}\n`)
  stop.abort()
})
