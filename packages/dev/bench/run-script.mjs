// Runs one measuring script: as a process with a time limit, with a directory of its own, and with nothing left behind.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How long a script may take to clean up after SIGTERM, in milliseconds. */
const GRACE_MS = 3_000
const LAST_LINES = 3

function read(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) return ''
    throw error
  }
}

/** Kills what a script has left running: each process that has the script's own temporary directory in its environment. Linux only. */
function killRemaining(directory) {
  if (process.platform !== 'linux') return 0
  const wanted = `TMPDIR=${directory}`
  const found = readdirSync('/proc').filter(
    (name) =>
      /^\d+$/.test(name) &&
      Number(name) !== process.pid &&
      read(`/proc/${name}/environ`).split('\0').includes(wanted),
  )
  for (const pid of found)
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  return found.length
}

function parse(output) {
  try {
    const { figures, series, notes } = JSON.parse(output)
    if ([figures, series, notes].every(Array.isArray)) return { figures, series, notes }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return undefined
}

/** Waits until a process exits. @returns its code and signal, and whether it took longer than its limit */
async function waitFor(child, limitMs, signal) {
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  let isLate = false
  const abort = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', abort)
  const timers = [
    setTimeout(() => {
      isLate = true
      child.kill('SIGTERM')
    }, limitMs),
    setTimeout(() => child.kill('SIGKILL'), limitMs + GRACE_MS),
  ]
  try {
    return { ...(await exited), isLate }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * Runs a script that prints one JSON object.
 * @param onLine gets each line of its standard error
 * @param signal ends it early
 * @returns `measured` with figures, series and notes, or `failed` and why
 */
export async function runScript({ path, args, limitSecs, scratch, cwd, ...options }) {
  const { onLine = () => undefined } = options
  const directory = mkdtempSync(join(scratch, 'm-'))
  const child = spawn(process.execPath, [path, '--json', ...args], {
    cwd,
    env: { ...process.env, TMPDIR: directory, TMUX: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const lines = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line)
    onLine(line)
  })
  try {
    const { code, signal, isLate } = await waitFor(child, limitSecs * 1_000, options.signal)
    if (isLate) return { kind: 'failed', why: `it took more than ${limitSecs} s` }
    if (code !== 0) {
      const last = lines.slice(-LAST_LINES).join(' / ').replaceAll(cwd, '.').replaceAll(directory, 'TMPDIR')
      return { kind: 'failed', why: `${signal ?? `exit code ${code}`}${last === '' ? '' : `: ${last}`}` }
    }
    const found = parse(output)
    return found === undefined
      ? { kind: 'failed', why: 'it printed no figures' }
      : { kind: 'measured', ...found }
  } finally {
    // Twice: a process may have started another one meanwhile.
    if (killRemaining(directory) > 0) killRemaining(directory)
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}
