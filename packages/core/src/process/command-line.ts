import { readFile, readlink } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'

/** The command line of a process, which the process may have replaced with a title. */
export interface CommandLine {
  /** The program and its arguments. */
  readonly argv: readonly string[]
  /** False if `argv` may differ from the real arguments: `ps` joins them with spaces, and invalid UTF-8 is lost. */
  readonly exact: boolean
}

/** Ignores the system errors of a process that has exited, belongs to another user or is a kernel thread. */
function ignoreUnreadable(error: unknown): undefined {
  if (errnoOf(error) === undefined) throw error
}

/** Parses `/proc/<pid>/cmdline` (proc_pid_cmdline(5)): each argument ends with a NUL. Undefined if it is empty. */
export function parseProcCmdline(bytes: Buffer): CommandLine | undefined {
  const text = bytes.toString('utf8')
  const argv = text.replace(/\0$/, '').split('\0')
  return argv[0] === '' ? undefined : { argv, exact: Buffer.from(text).equals(bytes) }
}

/** Parses the output of `ps -ww -o args=`. Several words may be one argument with spaces. Undefined if it is empty. */
export function parsePsArguments(text: string): CommandLine | undefined {
  const line = text.replace(/\n$/, '')
  const argv = line.split(/\s+/).filter((word) => word !== '')
  return argv.length === 0 ? undefined : { argv, exact: argv.length === 1 && line === argv[0] }
}

/**
 * Reads the command line of a process: exact on Linux, elsewhere from `ps`.
 * @returns undefined if the process has exited, is a kernel thread or cannot be read
 * @throws IapeerError `ps-failed`
 */
export async function readCommandLine(pid: number): Promise<CommandLine | undefined> {
  if (!hasProcfs()) return parsePsArguments(await ps('-ww', '-o', 'args=', '-p', String(pid)))
  const bytes = await readFile(`/proc/${pid}/cmdline`).catch(ignoreUnreadable)
  return bytes === undefined ? undefined : parseProcCmdline(bytes)
}

/**
 * Reads the working directory of a process, followed by ` (deleted)` if it was removed (proc_pid_cwd(5)); undefined if it
 * cannot be read, and where there is no /proc.
 */
export async function readWorkingDirectory(pid: number): Promise<string | undefined> {
  return hasProcfs() ? readlink(`/proc/${pid}/cwd`).catch(ignoreUnreadable) : undefined
}

/**
 * Reads the path of the program file of a process, followed by ` (deleted)` if it was removed (proc_pid_exe(5));
 * undefined if it cannot be read, and where there is no /proc.
 */
export async function readExecutable(pid: number): Promise<string | undefined> {
  return hasProcfs() ? readlink(`/proc/${pid}/exe`).catch(ignoreUnreadable) : undefined
}
