import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'

/** A busy machine needs this long for the exit of a program that was told to stop. Shorter than `teardownTimeout`. */
const LIMIT_MS = 15_000

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process exited meanwhile, or belongs to another user.
    return ''
  }
}

/** Lists the processes with this run's private directory in their arguments or environment: only processes of the run. Linux only. */
export function processesOf(directory: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)].some((text) => text.includes(directory)),
    )
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`)
}

/**
 * Makes a private directory for a test run (`IAPEER_TEST_DIR`) and fails the run if it leaves a process or a file behind. The
 * workers of the run do not count: they have exited when the check runs.
 */
export default function setup(): () => Promise<void> {
  const directory = mkdtempSync('/tmp/iapt-')
  // Tests also run recorders as other users, in directories below this one.
  chmodSync(directory, 0o711)
  process.env['IAPEER_TEST_DIR'] = directory
  return async () => {
    const end = Date.now() + LIMIT_MS
    let processes = processesOf(directory)
    while (processes.length > 0 && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      processes = processesOf(directory)
    }
    const files = readdirSync(directory, { recursive: true }).map(String)
    rmSync(directory, { recursive: true, force: true })
    const left = [
      ...processes.map((line) => `process ${line}`),
      ...files.map((path) => `file ${directory}/${path}`),
    ]
    if (left.length > 0) {
      process.exitCode = 1
      throw new Error(`the tests left behind:\n  ${left.join('\n  ')}`)
    }
  }
}
