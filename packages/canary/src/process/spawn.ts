import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import type { Readable } from 'node:stream'
import { LineSplitter } from '@iapeer/core/async'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** The PATH of the scripts, with the directories of NixOS and Homebrew. */
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

/** Returns the environment of a script: its inputs, PATH, locale, HOME and XDG_RUNTIME_DIR, nothing else. */
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
    // The reason does not matter: this candidate cannot be run.
    return false
  }
}

const directoriesOf = (path: string): string[] => path.split(delimiter).filter(isAbsolute)

/** Returns the absolute path of a tool that scripts use; undefined if it is not installed. */
export function findTool(name: string): string | undefined {
  return directoriesOf(scriptPath())
    .map((directory) => join(directory, name))
    .find(isExecutable)
}

/**
 * Returns the absolute path of tmux: a recorder must not depend on a PATH or working directory that may change.
 * @throws IapeerError `tmux-missing`
 */
export function findTmux(wanted = 'tmux'): string {
  const directories = directoriesOf(`${process.env['PATH'] ?? ''}${delimiter}${SCRIPT_PATH}`)
  const found = (
    isAbsolute(wanted) ? [wanted] : directories.map((directory) => join(directory, wanted))
  ).find(isExecutable)
  if (found !== undefined) return found
  const message = isAbsolute(wanted)
    ? `${wanted} is not an executable file`
    : `cannot find ${wanted} on the PATH`
  throw new IapeerError(message, {
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

/** Runs a command until it exits; kills it at the time limit. */
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
      reject(new IapeerError(`cannot run ${file}: ${error.message}`, { code: 'cannot-run', cause: error }))
    })
    child.once('close', (code) => finish(code ?? undefined))
  })
}

/** Kills a recorder with its client: it leads a process group. Its pid cannot be reused, because it is our unreaped child. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Returns whether a child would inherit an open file (fdinfo: flag 02000000 is O_CLOEXEC, proc(5)). */
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
 * Returns the stdio entries of a child from descriptor 3 on, with `empty` in place of every inherited file. An earlier program
 * may have left files open across exec, a lock for example, and a recorder would hold them until the server exits. Node
 * closes inherited files only up to the first gap. Empty on macOS, where a child inherits none.
 */
function replaceInherited(empty: number, program?: number): ('ignore' | number)[] {
  if (process.platform !== 'linux') return []
  const inherited = new Set(readdirSync('/proc/self/fd').filter(isInherited).map(Number))
  const count = Math.max(program === undefined ? 2 : OWN_PROGRAM, ...inherited) - 2
  return Array.from({ length: count }, (_none, at) => {
    if (at + 3 === OWN_PROGRAM && program !== undefined) return program
    return inherited.has(at + 3) ? empty : 'ignore'
  })
}

/** The descriptor of the server's program in a recorder; the scripts use 3, 4, 7, 8 and 9 themselves. */
const OWN_PROGRAM = 5

/** The path that runs that program, in a recorder and its children. */
export const OWN_PROGRAM_PATH = `/proc/self/fd/${OWN_PROGRAM}`

/** A started recorder. */
export interface StartedRecorder {
  readonly pid: number
  /** The lines that it prints. */
  readonly lines: AsyncGenerator<string, void>
  /** Writes the last line of its standard input, if it has one. Does nothing if it has exited. */
  readonly say: (line: string) => void
  /** Stops reading its output. */
  readonly release: () => void
  /** Kills it and every process of its group. */
  readonly killGroup: () => void
}

async function* linesOf(output: Readable): AsyncGenerator<string, void> {
  const splitter = new LineSplitter(OUTPUT_LIMIT)
  output.setEncoding('utf8')
  for await (const chunk of output) yield* splitter.push(String(chunk))
}

/** Options of {@link startDetached}. */
export interface DetachedOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly input: boolean
  /** An open file that the recorder runs as {@link OWN_PROGRAM_PATH}. */
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
      ...replaceInherited(empty, options.program),
    ]
    const child = spawn(file, args, { env: options.env, cwd: options.cwd, detached: true, stdio })
    closeSync(empty)
    child.unref()
    child.once('error', (error) => {
      reject(
        new IapeerError(`cannot run ${file} in ${options.cwd}: ${error.message}`, {
          code: 'cannot-run',
          cause: error,
        }),
      )
    })
    // No caller waits for this write. A recorder that did not get the line shows it by its output or its exit.
    child.stdin?.on('error', () => undefined)
    const { pid, stdout } = child
    if (pid === undefined || stdout === null) return
    resolve({
      pid,
      lines: linesOf(stdout),
      say: (line) => child.stdin?.end(`${line}\n`),
      release: () => stdout.destroy(),
      killGroup: () => killGroup(pid),
    })
  })
}
