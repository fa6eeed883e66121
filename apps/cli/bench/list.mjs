// Measures `iapeer list` against `node -e 0`, in alternating pairs, because the load of a shared host changes while it runs.
// Usage: node bench/list.mjs [peers=100] [running=0] [dead=0] [pairs=20]; exits with code 1 if the median of a run of `iapeer list`
// is more than twice that of `node -e 0`.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPeer } from '@iapeer/core/registry'
import { startNamed, stopNamed } from '@iapeer/lifecycle/fleet'
import { listSessions } from '@iapeer/lifecycle/sessions'

const LIMIT = 2
const [peers = 100, running = 0, dead = 0, pairs = 20] = process.argv.slice(2).map(Number)
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'iapl-'))
const root = join(directory, 'r')
const name = (at) => `p${String(at).padStart(3, '0')}`
const env = { ...process.env, IAPEER_ROOT: root, IAPEER_DAEMON_AUTOSTART: 'off' }

/** Returns how long a program takes until it exits, in ms. */
function timeOf(args) {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let lines = 0
    child.stdout.on('data', (chunk) => {
      lines += chunk.toString().split('\n').length - 1
    })
    child.once('close', (code) =>
      code === 0
        ? resolve({ ms: performance.now() - begun, lines })
        : reject(new Error(`exit code ${code}: ${args.join(' ')}`)),
    )
  })
}

const percentile = (values, part) => {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}
const median = (values) => percentile(values, 0.5)
const report = (what, value) => process.stdout.write(`${what.padEnd(52)} ${value}\n`)

try {
  for (let at = 0; at < peers; at++)
    await createPeer(root, { personality: name(at), defaultRuntime: 'command', command: ['sleep', '100000'] })
  for (let at = 0; at < running + dead; at++) await startNamed(root, name(at), {})
  const killed = (await listSessions(root)).slice(running)
  for (const { leader } of killed) process.kill(leader.pid, 'SIGKILL')
  const list = [MAIN, 'list']
  const node = ['-e', '0']
  const { lines } = await timeOf(list)
  if (lines !== peers + 1) throw new Error(`iapeer list printed ${lines} lines`)
  const times = { list: [], node: [] }
  for (let pair = 0; pair < pairs; pair++) {
    times.node.push((await timeOf(node)).ms)
    times.list.push((await timeOf(list)).ms)
  }
  const ratio = median(times.list) / median(times.node)
  const ms = (values) => `${median(values).toFixed(1)} ms (fastest ${Math.min(...values).toFixed(1)} ms)`
  report('node -e 0, median', ms(times.node))
  report(`iapeer list, ${peers} peers, ${running} running, ${dead} dead`, ms(times.list))
  report('ratio', `${ratio.toFixed(2)} (limit ${LIMIT})`)
  const ratios = times.list.map((value, at) => value / times.node[at])
  report('ratio in each pair, median', median(ratios).toFixed(2))
  if (ratio > LIMIT) process.exitCode = 1
} finally {
  for (let at = 0; at < running; at++) await stopNamed(root, name(at), { by: 'a benchmark', force: true })
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
