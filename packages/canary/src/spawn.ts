import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'

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
    return true
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
      reject(error)
    })
    child.once('close', (code) => finish(code ?? undefined))
  })
}

/** What a recorder said when it was started: its first line, or why there was none. */
export interface Handshake {
  readonly line: string | undefined
  readonly pid: number
}

/** Starts a recorder in a session of its own and waits for its first line; then lets it go. */
export function startRecorder(script: string, env: NodeJS.ProcessEnv): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', [script], {
      env,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child.unref()
    let text = ''
    const finish = (line: string | undefined): void => {
      clearTimeout(timer)
      child.stdout.destroy()
      resolve({ line, pid: child.pid ?? 0 })
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      finish(undefined)
    }, HANDSHAKE_LIMIT_MS)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) finish(text.slice(0, end))
    })
    child.stdout.once('end', () => finish(text === '' ? undefined : text))
  })
}
