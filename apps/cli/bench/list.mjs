// Measures `iapeer list` against `node -e 0`, in alternating pairs, because the load of a shared host changes while it runs.
// Usage: node bench/list.mjs [--json] [peers=100] [running=0] [dead=0] [pairs=20]; exits with code 1 if the median of a run of `iapeer list`
// is more than twice that of `node -e 0`; with --json the limit is not judged.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPeer } from '@iapeer/core/registry'
import { median, Results, readArguments } from '@iapeer/dev/bench'
import { startNamed, stopNamed } from '@iapeer/lifecycle/fleet'
import { listSessions } from '@iapeer/lifecycle/sessions'
import { timeOf } from './time-of.mjs'

const LIMIT = 2
const [peers = 100, running = 0, dead = 0, pairs = 20] = readArguments().words.map(Number)
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'iapl-'))
const root = join(directory, 'r')
const name = (at) => `p${String(at).padStart(3, '0')}`
const env = { ...process.env, IAPEER_ROOT: root, IAPEER_DAEMON_AUTOSTART: 'off' }
const results = new Results()

try {
  for (let at = 0; at < peers; at++)
    await createPeer(root, { personality: name(at), defaultRuntime: 'command', command: ['sleep', '100000'] })
  for (let at = 0; at < running + dead; at++) await startNamed(root, name(at), {})
  const killed = (await listSessions(root)).slice(running)
  for (const { leader } of killed) process.kill(leader.pid, 'SIGKILL')
  const list = [MAIN, 'list']
  const node = ['-e', '0']
  const { lines } = await timeOf(list, env)
  if (lines !== peers + 1) throw new Error(`iapeer list printed ${lines} lines`)
  const times = { list: [], node: [] }
  for (let pair = 0; pair < pairs; pair++) {
    times.node.push((await timeOf(node, env)).ms)
    times.list.push((await timeOf(list, env)).ms)
  }
  const ratio = median(times.list) / median(times.node)
  results.figure('list.median', {
    what: `iapeer list, ${peers} peers, ${running} running, ${dead} dead, median`,
    value: median(times.list),
    unit: 'ms',
    beside: { what: 'node -e 0', value: median(times.node) },
    count: pairs,
  })
  results.print()
  if (!results.isJson && ratio > LIMIT) process.exitCode = 1
} finally {
  for (let at = 0; at < running; at++) await stopNamed(root, name(at), { by: 'a benchmark', force: true })
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
