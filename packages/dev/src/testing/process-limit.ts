import { run } from './run.ts'

/**
 * Why the process limit of a process cannot be taken away for a test here; undefined where it can. The limit does not bind
 * root, which needs another user for it.
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

/** A user whom no other test process is; undefined where this process is not root, and its own user will do. */
export function lonelyUser(): number | undefined {
  if (process.getuid?.() !== 0) return undefined
  users++
  return 300_000 + (process.pid % 100_000) * 100 + users
}

/** As the owner of the process: root may be without the right to change the limits of others. */
async function limit(pid: number, uid: number | undefined, nproc: string): Promise<void> {
  const user = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const [file = '', ...args] = [...user, 'prlimit', `--pid=${pid}`, `--nproc=${nproc}:`]
  const done = await run(file, args)
  if (done.exitCode !== 0) throw new Error(done.stderr)
}

/** From now on this process of a user can start no other; undone by {@link freeProcesses}. */
export const denyProcesses = (pid: number, uid: number | undefined): Promise<void> => limit(pid, uid, '1')

/** A process that is gone needs nothing. */
export async function freeProcesses(pid: number, uid: number | undefined): Promise<void> {
  await limit(pid, uid, '10000').catch((error: unknown) => {
    if (!(error instanceof Error) || !error.message.includes('No such process')) throw error
  })
}
