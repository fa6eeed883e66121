// Shared by the benches: private servers, times from the file system, proportional set sizes, percentiles.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const exec = promisify(execFile)
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export function scratch() {
  const path = mkdtempSync('/tmp/iapb-')
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export async function startServer(socketPath) {
  const args = [
    '-S',
    socketPath,
    '-f',
    '/dev/null',
    'new-session',
    '-d',
    '-P',
    '-F',
    '#{pid}',
    '-s',
    'main',
    'exec sleep 1000',
  ]
  const { stdout } = await exec('tmux', args, { env: { ...process.env, TMUX: '' } })
  return { pid: Number(stdout), socketPath }
}

export function startDetached(file, args) {
  const child = spawn(file, args, { detached: true, stdio: 'ignore' })
  child.unref()
  return child.pid
}

/** Waits for a file and returns its ctime (ms), which is the file system's clock, not the recorder's. */
export async function changedAt(path, whole = () => true, limitMs = 10_000) {
  const end = performance.now() + limitMs
  for (;;) {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found !== undefined && whole(path)) return statSync(path).ctimeMs
    if (performance.now() > end) throw new Error(`no ${path}`)
    await sleep(1)
  }
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]
}

export const summary = (values) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) })

/** Returns the proportional set size of processes, kB (proc_pid_smaps_rollup(5)). */
export function pssKb(pids) {
  let total = 0
  for (const pid of pids)
    total += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0)
  return total
}

/** Returns the direct children of a process. */
export function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

export const row = (name, ours, reference, unit) =>
  console.log(
    `${name.padEnd(44)} ${ours.toFixed(2).padStart(10)} ${unit.padEnd(3)} ${reference === undefined ? '' : `${reference.toFixed(2).padStart(10)} ${unit}   ratio ${(ours / reference).toFixed(4)}`}`,
  )

export { join }
