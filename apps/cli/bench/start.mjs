// Measures `iapeer start` of a `command` peer while the daemon is running against `node -e 0`, in alternating pairs.
// Usage: node bench/start.mjs [--json] [pairs=20]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPeer } from '@iapeer/core/registry'
import { median, Results, readArguments } from '@iapeer/dev/bench'
import { stopNamed } from '@iapeer/lifecycle/fleet'
import { timeOf } from './time-of.mjs'

const [pairs = 20] = readArguments().words.map(Number)
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'iapl-'))
const root = join(directory, 'r')
const env = { ...process.env, IAPEER_ROOT: root, IAPEER_DAEMON_AUTOSTART: 'off' }
const iapeer = (...args) => timeOf([MAIN, ...args], env)
const results = new Results()
const times = { start: [], node: [], stop: [] }

try {
  await createPeer(root, { personality: 'bob', defaultRuntime: 'command', command: ['sleep', '100000'] })
  await iapeer('daemon', 'start')
  // Files that are read for the first time are not in the cache of the system.
  await iapeer('start', 'bob')
  await iapeer('stop', 'bob')
  for (let pair = 0; pair < pairs; pair++) {
    times.node.push((await timeOf(['-e', '0'], env)).ms)
    times.start.push((await iapeer('start', 'bob')).ms)
    times.stop.push((await iapeer('stop', 'bob')).ms)
  }
  const beside = { what: 'node -e 0', value: median(times.node) }
  for (const name of ['start', 'stop'])
    results.figure(`cli.${name}`, {
      what: `iapeer ${name} of a command peer, the daemon running, median`,
      value: median(times[name]),
      unit: 'ms',
      beside,
      count: pairs,
    })
  results.print()
} finally {
  await stopNamed(root, 'bob', { by: 'a benchmark', force: true })
  await iapeer('daemon', 'stop')
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
