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

/** Servers that refused the tmux on the PATH, as `<pid>:<token>`: the next call uses their own program at once. */
const needOwn = new Set<string>()
const MOST_NOTED = 1_000

function noteOwn(server: ProcessId): void {
  if (needOwn.size >= MOST_NOTED) needOwn.clear()
  needOwn.add(formatProcessId(server))
}

/** Returns `<dev>:<inode>` of the tmux that a call runs; undefined if there is none. */
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
 * Calls `use` with the path of the program that the server runs, if that is not the file that `tmux` names: the file was
 * replaced or deleted, or two versions of tmux are installed. This function alone decides which program is the client of a
 * server whose process is known; `arm-watch.ts` decides for a socket, `evidence_run_client` (evidence.sh) in a recorder.
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

/** Returns whether a server runs a file other than `tmux`; false where the system does not show it (macOS). */
export async function runsAnotherFile(server: ProcessId, tmux = 'tmux'): Promise<boolean> {
  return (await withOwnProgram(server, tmux, () => Promise.resolve(true))) ?? false
}

/** The dynamic linker's exit code if libraries of the replaced program are missing. */
const NOT_LOADED = 127

/**
 * Runs tmux on a server whose process is known. It uses the tmux of the call if the server accepts it, else the program that
 * the server itself runs (Linux), which the server always accepts. A failure of tmux is returned, not thrown.
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

/** tmux prints this if the server has another version (3.5 and 3.6), and also if the terminal cannot be used. */
const NO_TERMINAL = /open terminal failed/

function versionMismatch(reason: string): IapeerError {
  return new IapeerError(`the tmux server does not accept this tmux: ${reason}`, {
    code: 'tmux-version-mismatch',
    hint: 'It runs another version of tmux, and its own program cannot be used. Restart the peer: iapeer restart <peer>.',
  })
}

/**
 * Runs a tmux client in the terminal of this process, on a server whose process is known, until the client exits. Like
 * {@link runOnServer} it uses the tmux of the call, or the server's own program if the server does not accept that. Messages
 * about the terminal, or of a server that is exiting, are printed to standard error.
 * @returns the client's exit code; undefined if a signal killed it
 * @throws IapeerError `tmux-missing`, `tmux-version-mismatch`; `no-server` if the server has exited
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
  // A server that is exiting refuses clients with the same message.
  if (isMismatch && (await observeSocket(call.socketPath)) === 'listening')
    throw versionMismatch(result?.stderr.trim() ?? 'its own program cannot be run')
  if (result !== undefined) return passOn(result)
  throw new IapeerError(`the tmux server ${server.pid} has exited`, {
    code: 'no-server',
    hint: 'iapeer deaths prints why, unless it was stopped on purpose.',
  })
}
