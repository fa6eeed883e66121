import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** Where scripts look for `date`, `ps` and the rest; NixOS and Homebrew included. */
const SCRIPT_PATH =
  '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:/opt/homebrew/bin:/opt/local/bin'
const HANDSHAKE_LIMIT_MS = 5_000
const OUTPUT_LIMIT = 64 * 1024

export interface ToolResult {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

/** Environment that scripts get: their inputs, a path of their own, the locale and home, and nothing else. */
export function scriptEnv(inputs: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...inputs, PATH: process.env['IAPEER_SCRIPT_PATH'] || SCRIPT_PATH }
  for (const name of ['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'XDG_RUNTIME_DIR']) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  return env
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Whatever the reason, this candidate cannot be run.
    return false
  }
}

/**
 * The absolute path of tmux, so that a later change of PATH or of the working folder disarms nothing.
 * @throws IapeerError `tmux-missing`
 */
export function findTmux(wanted = 'tmux'): string {
  const folders = `${process.env['PATH'] ?? ''}${delimiter}${SCRIPT_PATH}`.split(delimiter).filter(isAbsolute)
  const found = (isAbsolute(wanted) ? [wanted] : folders.map((folder) => join(folder, wanted))).find(
    isExecutable,
  )
  if (found !== undefined) return found
  throw new IapeerError(`no ${wanted} on the PATH`, {
    code: 'tmux-missing',
    hint: 'Install tmux (for example: apt-get install tmux, brew install tmux).',
  })
}

function collect(child: ChildProcess): { stdout: () => string; stderr: () => string } {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      if (text[name].length < OUTPUT_LIMIT) text[name] += chunk
    })
  }
  return { stdout: () => text.stdout, stderr: () => text.stderr }
}

/** Runs a command to its end or to the time limit, when it is killed. */
export function runTool(
  file: string,
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly limitMs: number },
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: options.env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
    const text = collect(child)
    let timedOut = false
    const finish = (exitCode: number | undefined): void => {
      clearTimeout(timer)
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({ exitCode, stdout: text.stdout(), stderr: text.stderr(), timedOut })
    }
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
      finish(undefined)
    }, options.limitMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(new IapeerError(`${file} cannot be run: ${error.message}`, { code: 'cannot-run', cause: error }))
    })
    child.once('close', (code) => finish(code ?? undefined))
  })
}

/** A recorder leads a session and so a group of its own: its client goes with it. It is an unreaped child of ours. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Whether this process would hand an open file on to a child (fdinfo: flag 02000000 is O_CLOEXEC, proc(5)). */
function isInherited(descriptor: string): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & 0o2000000) === 0
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Files that an earlier program left open across exec, a lock perhaps: a recorder would hold them for the server's
 * whole life. Node closes only those up to the first gap. Gives what a child is to have from descriptor 3 on: the
 * empty file in their place, nothing where there is none. On macOS nothing is handed on.
 */
function insteadOfStrays(empty: number): ('ignore' | number)[] {
  if (process.platform !== 'linux') return []
  const inherited = new Set(readdirSync('/proc/self/fd').filter(isInherited).map(Number))
  const count = Math.max(2, ...inherited) - 2
  return Array.from({ length: count }, (_none, at) => (inherited.has(at + 3) ? empty : 'ignore'))
}

/**
 * Starts a recorder in a session of its own and gives its first line, undefined when none came in time; then lets it go.
 */
export function startRecorder(script: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const empty = openSync('/dev/null', 'r+')
    const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'pipe', 'ignore', ...insteadOfStrays(empty)]
    const child = spawn('/bin/sh', [script], { env, cwd: '/', detached: true, stdio })
    closeSync(empty)
    child.unref()
    let text = ''
    const finish = (line: string | undefined): void => {
      clearTimeout(timer)
      child.stdout?.destroy()
      resolve(line)
    }
    const timer = setTimeout(() => {
      endGroup(child.pid)
      finish(undefined)
    }, HANDSHAKE_LIMIT_MS)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(new IapeerError(`/bin/sh cannot be run: ${error.message}`, { code: 'cannot-run', cause: error }))
    })
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) finish(text.slice(0, end))
    })
    child.stdout?.once('end', () => finish(text === '' ? undefined : text))
  })
}
