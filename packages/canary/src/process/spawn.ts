import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Readable } from 'node:stream'
import { LineSplitter } from '@iapeer/core/async'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** Where scripts look for `date`, `ps` and the rest; NixOS and Homebrew included. */
const SCRIPT_PATH =
  '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:/opt/homebrew/bin:/opt/local/bin'
const OUTPUT_LIMIT = 64 * 1024

export interface ToolResult {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

export const scriptPath = (): string => process.env['IAPEER_SCRIPT_PATH'] || SCRIPT_PATH

/** Environment that scripts get: their inputs, a path of their own, the locale and home, and nothing else. */
export function scriptEnv(inputs: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...inputs, PATH: scriptPath() }
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

const directoriesOf = (path: string): string[] => path.split(delimiter).filter(isAbsolute)

/** The absolute path of a tool that scripts use; undefined when there is none. */
export function findTool(name: string): string | undefined {
  return directoriesOf(scriptPath())
    .map((directory) => join(directory, name))
    .find(isExecutable)
}

/**
 * The absolute path of tmux, so that a later change of PATH or of the working directory disarms nothing.
 * @throws IapeerError `tmux-missing`
 */
export function findTmux(wanted = 'tmux'): string {
  const directories = directoriesOf(`${process.env['PATH'] ?? ''}${delimiter}${SCRIPT_PATH}`)
  const found = (
    isAbsolute(wanted) ? [wanted] : directories.map((directory) => join(directory, wanted))
  ).find(isExecutable)
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
function endGroup(pid: number): void {
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
function insteadOfStrays(empty: number, program?: number): ('ignore' | number)[] {
  if (process.platform !== 'linux') return []
  const inherited = new Set(readdirSync('/proc/self/fd').filter(isInherited).map(Number))
  const count = Math.max(program === undefined ? 2 : OWN_PROGRAM, ...inherited) - 2
  return Array.from({ length: count }, (_none, at) => {
    if (at + 3 === OWN_PROGRAM && program !== undefined) return program
    return inherited.has(at + 3) ? empty : 'ignore'
  })
}

/** The descriptor at which a recorder gets the program of its server; its scripts use 3, 4, 7, 8 and 9 themselves. */
const OWN_PROGRAM = 5

/** Runs that program, for a recorder and what it starts. */
export const OWN_PROGRAM_PATH = `/proc/self/fd/${OWN_PROGRAM}`

/** A recorder that was started, as its starter sees it. */
export interface StartedRecorder {
  readonly pid: number
  /** Each line that it prints, then undefined at the end of its output. */
  readonly lines: AsyncGenerator<string, void>
  /** Writes a line to it, if it was started with an input; a recorder that is gone does not hear it. */
  readonly say: (line: string) => void
  /** Lets it go: nothing of it is read or waited for any more. */
  readonly release: () => void
  /** Ends it with all that it started. */
  readonly endGroup: () => void
}

async function* linesOf(output: Readable): AsyncGenerator<string, void> {
  const splitter = new LineSplitter(OUTPUT_LIMIT)
  output.setEncoding('utf8')
  for await (const chunk of output) yield* splitter.push(String(chunk))
}

/** How a recorder is started. */
export interface DetachedOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly input: boolean
  /** An open file that it gets as {@link OWN_PROGRAM_PATH}. */
  readonly program?: number
}

/** Starts a recorder in a session of its own. */
export function startDetached(
  argv: readonly [string, ...string[]],
  options: DetachedOptions,
): Promise<StartedRecorder> {
  const [file, ...args] = argv
  return new Promise((resolve, reject) => {
    const empty = openSync('/dev/null', 'r+')
    const input = options.input ? 'pipe' : 'ignore'
    const stdio: ('ignore' | 'pipe' | number)[] = [
      input,
      'pipe',
      'ignore',
      ...insteadOfStrays(empty, options.program),
    ]
    const child = spawn(file, args, { env: options.env, cwd: options.cwd, detached: true, stdio })
    closeSync(empty)
    child.unref()
    child.once('error', (error) => {
      reject(
        new IapeerError(`${file} cannot be run in ${options.cwd}: ${error.message}`, {
          code: 'cannot-run',
          cause: error,
        }),
      )
    })
    // A recorder that could not be told shows it by what it prints, or by its exit: an error here has no caller.
    child.stdin?.on('error', () => undefined)
    const { pid, stdout } = child
    if (pid === undefined || stdout === null) return
    resolve({
      pid,
      lines: linesOf(stdout),
      say: (line) => child.stdin?.end(`${line}\n`),
      release: () => stdout.destroy(),
      endGroup: () => endGroup(pid),
    })
  })
}
