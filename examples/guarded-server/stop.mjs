// Stops the server of start.mjs without a record: node stop.mjs <socket> [record directory]
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { canaryStatus, completeIntent, declareIntent } from '@iapeer/canary'

const TIME_LIMIT_MS = 10_000
const POLL_MS = 20

function fail(message, exitCode = 1) {
  process.stderr.write(`${message}\n`)
  process.exit(exitCode)
}

const [socketPath, recordDir = './records'] = process.argv.slice(2)
if (socketPath === undefined) fail('usage: node stop.mjs <socket> [record directory]', 2)

const identity = 'work-main'
const guard = await canaryStatus({ identity, recordDir })
if (guard.state !== 'armed') fail(`no guarded server to stop: ${guard.state}`)

// The intent is on disk before anything is stopped. If this program is killed in between, the death is recorded after all.
const target = { identity, gen: guard.gen, recordDir }
const declared = await declareIntent({ ...target, by: 'stop.mjs', why: 'no longer needed' })
if (declared.state !== 'declared') fail(`not stopped: ${declared.state}`)

await promisify(execFile)('tmux', ['-S', socketPath, 'kill-server'], { timeout: TIME_LIMIT_MS })
const end = performance.now() + TIME_LIMIT_MS
while ((await completeIntent(target)).state === 'server-alive') {
  if (performance.now() > end) fail('the server still runs')
  await sleep(POLL_MS)
}
process.stdout.write('stopped, nothing recorded\n')
