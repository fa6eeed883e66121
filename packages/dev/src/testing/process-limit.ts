import { run } from './run.ts'

/**
 * Returns why a test cannot lower the process limit of a process here; undefined if it can. The limit does not apply to root, so
 * root needs setpriv to run the process as another user.
 */
export async function noProcessLimit(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'prlimit is a tool of Linux'
  const tools = process.getuid?.() === 0 ? ['prlimit', 'setpriv'] : ['prlimit']
  for (const tool of tools) {
    const found = await run('sh', ['-c', 'command -v "$1"', 'sh', tool])
    if (found.exitCode !== 0) return `${tool} is not installed`
  }
  return undefined
}

let users = 0

/** Returns the id of a user that no other test process has; undefined if this process is not root, whose own user suffices. */
export function lonelyUser(): number | undefined {
  if (process.getuid?.() !== 0) return undefined
  users++
  return 300_000 + (process.pid % 100_000) * 100 + users
}

/** Sets the limit as the owner of the process: root may lack the capability to change the limits of other users. */
async function limit(pid: number, uid: number | undefined, nproc: string): Promise<void> {
  const user = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const [file = '', ...args] = [...user, 'prlimit', `--pid=${pid}`, `--nproc=${nproc}:`]
  const done = await run(file, args)
  if (done.exitCode !== 0) throw new Error(done.stderr)
}

/** Keeps a process of a user from starting others, until {@link freeProcesses}. */
export const denyProcesses = (pid: number, uid: number | undefined): Promise<void> => limit(pid, uid, '1')

/** Allows a process to start others again; does nothing if the process is gone. */
export async function freeProcesses(pid: number, uid: number | undefined): Promise<void> {
  await limit(pid, uid, '10000').catch((error: unknown) => {
    if (!(error instanceof Error) || !error.message.includes('No such process')) throw error
  })
}
