import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'

const LIMIT_MS = 8_000

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process ended meanwhile, or is somebody else's.
    return ''
  }
}

/** Processes that name this run's private directory in their arguments or environment: nobody else's can. Linux only. */
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
 * Gives a test run one private directory (`IAPEER_TEST_DIR`) and fails the run when a process or a file of it is left
 * at the end. The run's own workers are told apart by leaving before this is called.
 */
export default function setup(): () => Promise<void> {
  const directory = mkdtempSync('/tmp/iapt-')
  // Tests run recorders as other users too, in directories of their own below.
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
