// Measures the memory of the daemon with many running peers, beside a Node.js that does nothing. Linux only.
// Usage: node bench/memory.mjs [--json] [peers=300,1000] [settleSecs=20]
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Results, readArguments } from '@iapeer/dev/bench'
import { withMallocEnv } from '@iapeer/host'
import { enrolFleet } from '../../../packages/lifecycle/bench/enrolled-fleet.mjs'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const { words } = readArguments()
const sizes = (words[0] ?? '300,1000').split(',').map(Number)
const settleSecs = Number(words[1] ?? 20)
/** Several ticks in the time that the daemon runs: its memory is highest during a tick. */
const TICK_SECS = '5'
const results = new Results()

/** Returns the memory of a process in MB: resident, the most that was resident, and proportional (proc_pid_status(5)). */
function memoryOf(pid) {
  const read = (file, key) =>
    (Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'latin1'))?.[1]) *
      1_024) /
    1e6
  return { rss: read('status', 'VmRSS'), peak: read('status', 'VmHWM'), pss: read('smaps_rollup', 'Pss') }
}

/** Runs a Node.js program until its memory is taken. */
async function memoryWhileRunning(args, env, isUp) {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  try {
    for (const end = Date.now() + 30_000; !isUp(); await sleep(50))
      if (Date.now() > end || child.exitCode !== null) throw new Error(`not up: ${args.join(' ')}`)
    await sleep(settleSecs * 1_000)
    return memoryOf(child.pid)
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

const bare = await memoryWhileRunning(['-e', 'setInterval(() => undefined, 1000)'], process.env, () => true)
const WORDS = { rss: 'resident', peak: 'most that was resident', pss: 'proportional share' }
for (const peers of sizes) {
  const fleet = await enrolFleet(peers)
  try {
    // As `iapeer daemon start` and the service start it.
    const env = withMallocEnv({ ...process.env, IAPEER_ROOT: fleet.root, IAPEER_TICK_SECS: TICK_SECS })
    const socket = join(fleet.root, 'run', 'iapeerd.sock')
    const found = await memoryWhileRunning([MAIN, '--foreground', '--root', fleet.root], env, () =>
      existsSync(socket),
    )
    for (const [kind, words] of Object.entries(WORDS))
      results.figure(`memory.daemon-${kind}-${peers}`, {
        what: `memory of the daemon, ${words}, ${peers} peers`,
        value: found[kind],
        unit: 'MB',
        beside: { what: 'a Node.js that does nothing', value: bare[kind] },
      })
  } finally {
    await fleet.remove()
  }
}
results.note(
  `The peers are enrolled sessions whose agents are processes of their own; all share one tmux server and have no recorder. The daemon ran ${settleSecs} s with a tick every ${TICK_SECS} s, with the settings of the allocator that iapeer daemon start and the service give it.`,
)
results.print()
