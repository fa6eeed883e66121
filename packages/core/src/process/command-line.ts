import { readFile, readlink } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'
import { ps } from './ps.ts'

/** What a process was started with, or has since said instead (its title). */
export interface CommandLine {
  /** The program first. */
  readonly argv: readonly string[]
  /** False where arguments can only be guessed: `ps` joins them with blanks, and bytes that are no UTF-8 are lost. */
  readonly exact: boolean
}

/** Gone, of the kernel or somebody else's: there is nothing to read. */
function ignoreUnreadable(error: unknown): undefined {
  if (errnoOf(error) === undefined) throw error
}

/** Reads `/proc/<pid>/cmdline` (proc_pid_cmdline(5)): each argument ends with a NUL. Undefined when it is empty. */
export function parseProcCmdline(bytes: Buffer): CommandLine | undefined {
  const text = bytes.toString('utf8')
  const argv = text.replace(/\0$/, '').split('\0')
  return argv[0] === '' ? undefined : { argv, exact: Buffer.from(text).equals(bytes) }
}

/** Reads the output of `ps -ww -o args=`; more than one word could be fewer arguments than blanks. Undefined when it is empty. */
export function parsePsArguments(text: string): CommandLine | undefined {
  const line = text.replace(/\n$/, '')
  const argv = line.split(/\s+/).filter((word) => word !== '')
  return argv.length === 0 ? undefined : { argv, exact: argv.length === 1 && line === argv[0] }
}

/**
 * The arguments of a process; undefined when it is gone, of the kernel, or not ours to see. Exact on Linux; elsewhere from
 * `ps`, which cannot tell a blank between arguments from one in them.
 * @throws IapeerError `ps-failed`
 */
export async function readCommandLine(pid: number): Promise<CommandLine | undefined> {
  if (!hasProcfs()) return parsePsArguments(await ps('-ww', '-o', 'args=', '-p', String(pid)))
  const bytes = await readFile(`/proc/${pid}/cmdline`).catch(ignoreUnreadable)
  return bytes === undefined ? undefined : parseProcCmdline(bytes)
}

/**
 * The directory a process is in, with ` (deleted)` behind it when that is gone (proc_pid_cwd(5)); undefined when it cannot
 * be seen, and wherever there is no /proc.
 */
export async function readWorkingDirectory(pid: number): Promise<string | undefined> {
  return hasProcfs() ? readlink(`/proc/${pid}/cwd`).catch(ignoreUnreadable) : undefined
}

/**
 * The program file that a process runs (proc_pid_exe(5)), with ` (deleted)` behind it when that is gone; undefined when it
 * cannot be seen, and wherever there is no /proc.
 */
export async function readExecutable(pid: number): Promise<string | undefined> {
  return hasProcfs() ? readlink(`/proc/${pid}/exe`).catch(ignoreUnreadable) : undefined
}
