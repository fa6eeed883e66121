import { readFile } from 'node:fs/promises'
import { errnoOf } from '../errors/index.ts'
import { hasProcfs } from './process-identity.ts'

/** Parses `/proc/<pid>/environ` (proc_pid_environ(5)): each `NAME=VALUE` ends with a NUL. */
function parseProcEnviron(text: string): NodeJS.ProcessEnv {
  const entries = text
    .split('\0')
    .map((entry) => [entry, entry.indexOf('=')] as const)
    .filter(([, at]) => at > 0)
  return Object.fromEntries(entries.map(([entry, at]) => [entry.slice(0, at), entry.slice(at + 1)]))
}

/** Reads the environment with which a process was started; undefined if it cannot be read, and where there is no /proc. */
export async function readEnvironment(pid: number): Promise<NodeJS.ProcessEnv | undefined> {
  if (!hasProcfs()) return undefined
  try {
    return parseProcEnviron(await readFile(`/proc/${pid}/environ`, 'utf8'))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
