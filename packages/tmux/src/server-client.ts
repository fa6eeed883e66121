import { stat } from 'node:fs/promises'
import { isRefused, openServerProgram } from '@iapeer/canary'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { findProgram } from '@iapeer/core/exec'
import { formatProcessId, observeSocket, type ProcessId } from '@iapeer/core/process'
import {
  runTmux,
  runTmuxInTerminal,
  type TmuxCall,
  type TmuxResult,
  type TmuxTerminalCall,
  type TmuxTerminalResult,
} from './run-tmux.ts'

/** Servers that are known to need their own program, `<pid>:<token>`: they are not asked with the other one first. */
const needOwn = new Set<string>()
const MOST_NOTED = 1_000

function noteOwn(server: ProcessId): void {
  if (needOwn.size >= MOST_NOTED) needOwn.clear()
  needOwn.add(formatProcessId(server))
}

/** `<dev>:<inode>` of the tmux that a call runs, undefined where there is none. */
async function fileIdOf(tmux: string): Promise<string | undefined> {
  const path = await findProgram(tmux, process.env['PATH'] ?? '', '/')
  if (path === undefined) return undefined
  try {
    const { dev, ino } = await stat(path)
    return `${dev}:${ino}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Calls `use` with the path of the program that the server runs, if that is another file than the client's: its file was
 * replaced or deleted, or there are two tmux on this host. The one place that decides which program speaks
 * to a server whose process is known; `arm-watch.ts` decides for a socket, `evidence_run_client` (evidence.sh) in a recorder.
 */
async function withOwnProgram<T>(
  server: ProcessId,
  tmux: string,
  use: (path: string) => Promise<T>,
): Promise<T | undefined> {
  const own = openServerProgram(server)
  if (own === undefined) return undefined
  try {
    return own.fileId === (await fileIdOf(tmux)) ? undefined : await use(own.path)
  } finally {
    own.close()
  }
}

/** Returns whether a server runs another file than `tmux`; false where that cannot be seen (macOS). */
export async function runsAnotherFile(server: ProcessId, tmux = 'tmux'): Promise<boolean> {
  return (await withOwnProgram(server, tmux, () => Promise.resolve(true))) ?? false
}

/** Libraries of the replaced program may be gone: then the dynamic linker ends it with 127. */
const NOT_LOADED = 127

/**
 * Runs tmux on a server whose process is known: the tmux of the call while the server accepts it, else the program that
 * the server itself runs (Linux), which always speaks to it. Whatever tmux answers is data.
 * @throws IapeerError `tmux-missing`
 */
export async function runOnServer(server: ProcessId, call: TmuxCall): Promise<TmuxResult> {
  const tmux = call.tmux ?? 'tmux'
  const withOwn = async (): Promise<TmuxResult | undefined> => {
    const result = await withOwnProgram(server, tmux, (path) => runTmux({ ...call, tmux: path }))
    return result === undefined || result.exitCode === NOT_LOADED || isRefused(result.stderr)
      ? undefined
      : result
  }
  const isNoted = needOwn.has(formatProcessId(server))
  const known = isNoted ? await withOwn() : undefined
  if (known !== undefined) return known
  const result = await runTmux(call).catch(serverGoneError)
  if (!(result instanceof IapeerError) && !isRefused(result.stderr)) return result
  const own = isNoted ? undefined : await withOwn()
  if (own !== undefined) {
    noteOwn(server)
    return own
  }
  if (result instanceof IapeerError) throw result
  return result
}

function serverGoneError(error: unknown): IapeerError {
  if (error instanceof IapeerError && error.code === 'tmux-missing') return error
  throw error
}

/** What a server of another version (3.5 and 3.6) prints, and also one that cannot use the terminal as it is. */
const NO_TERMINAL = /open terminal failed/

function versionMismatch(said: string): IapeerError {
  return new IapeerError(`the server does not accept this tmux: ${said}`, {
    code: 'tmux-version-mismatch',
    hint: 'It runs another version of tmux, and its own program cannot be used. Restart the peer: iapeer refresh <peer>.',
  })
}

/**
 * Gives the terminal of this process to a tmux client of a server whose process is known, until it leaves. As
 * {@link runOnServer}: the tmux of the call, or the server's own program if the server does not accept that. What the client
 * prints of the terminal itself, or of a server that is exiting, is passed on.
 * @returns the client's exit code; undefined when a signal ended it
 * @throws IapeerError `tmux-missing`, `tmux-version-mismatch`; `no-server` when the server has exited
 */
export async function runInTerminalOnServer(
  server: ProcessId,
  call: TmuxTerminalCall,
): Promise<number | undefined> {
  const tmux = call.tmux ?? 'tmux'
  const passOn = ({ stderr, exitCode }: TmuxTerminalResult): number | undefined => {
    process.stderr.write(stderr)
    return exitCode
  }
  const first = needOwn.has(formatProcessId(server))
    ? undefined
    : await runTmuxInTerminal(call).catch(serverGoneError)
  const result = first instanceof IapeerError ? undefined : first
  if (result !== undefined && !isRefused(result.stderr) && !NO_TERMINAL.test(result.stderr))
    return passOn(result)
  const own = await withOwnProgram(server, tmux, (path) => runTmuxInTerminal({ ...call, tmux: path }))
  if (own !== undefined && own.exitCode !== NOT_LOADED && !isRefused(own.stderr)) return passOn(own)
  if (first instanceof IapeerError) throw first
  const isMismatch = result === undefined || isRefused(result.stderr)
  // A server that is exiting refuses clients in the same words.
  if (isMismatch && (await observeSocket(call.socketPath)) === 'listening')
    throw versionMismatch(result?.stderr.trim() ?? 'its own program cannot be run')
  if (result !== undefined) return passOn(result)
  throw new IapeerError(`the tmux server ${server.pid} has exited`, {
    code: 'no-server',
    hint: 'iapeer deaths says why, unless it was stopped on purpose.',
  })
}
