// Shared by the benches: private servers, times from the file system, proportional set sizes, percentiles.
import { execFile, spawn } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { percentile } from '@iapeer/dev/bench'

export const exec = promisify(execFile)
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export function scratch() {
  const path = mkdtempSync(join(tmpdir(), 'iapb-'))
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

/** Returns the time of the system's clock, in milliseconds with fractions. */
export const clock = () => performance.timeOrigin + performance.now()

/**
 * Keeps the time stamps of new files fine while it runs. The kernel takes them from a clock that moves with its timer, every 1 to 10 ms;
 * since Linux 6.13 a stamp that was read and replaced moves that clock on, for all files.
 * @returns `lagMs` measures how far the stamp of a new file is behind, at most, in milliseconds; `stop` ends it
 */
export function keepStampsFine(directory) {
  const file = openSync(join(directory, 'stamps'), 'w')
  const timer = setInterval(() => {
    writeSync(file, 'x', 0)
    fstatSync(file)
  }, 1)
  const lagMs = async () => {
    let most = 0
    for (let at = 0; at < 40; at++) {
      await sleep(3)
      const path = join(directory, `stamp-${at}`)
      const before = clock()
      writeFileSync(path, '')
      most = Math.max(most, before - statSync(path).ctimeMs)
    }
    return most
  }
  const stop = () => {
    clearInterval(timer)
    closeSync(file)
  }
  return { lagMs, stop }
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

export { join }
