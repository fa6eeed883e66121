import { existsSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import type { ProcessId } from '@iapeer/core/process'
import { drillFailed } from '../errors.ts'

/** The mounts of the controller `pids`: of cgroup v1, and of v2. */
const MOUNTS = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']
const EMPTY_MS = 5_000

/** Runs `act`. @returns whether it succeeded; a failure is one of the system */
async function succeeds(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/**
 * Keeps a process from starting others, with a cgroup of its own.
 * @returns what permits it again; undefined where this cannot be done: without root, without that controller, and if the process is gone
 */
export async function denyProcesses({ pid }: ProcessId): Promise<(() => Promise<void>) | undefined> {
  const mount = MOUNTS.find((path) => existsSync(`${path}/cgroup.procs`))
  if (mount === undefined) return undefined
  const path = `${mount}/iapeer-drill-${process.pid}-${pid}`
  if (!(await succeeds(() => mkdir(path)))) return undefined
  const isDenied = await succeeds(async () => {
    await writeFile(`${path}/pids.max`, '1')
    await writeFile(`${path}/cgroup.procs`, String(pid))
  })
  if (!isDenied) {
    await rmdir(path)
    return undefined
  }
  return () => permit(mount, path)
}

async function permit(mount: string, path: string): Promise<void> {
  await writeFile(`${path}/pids.max`, 'max')
  const isRemoved = await waitUntil(
    async () => {
      const inside = (await readFile(`${path}/cgroup.procs`, 'utf8')).split('\n').filter(Boolean)
      // A process that exits meanwhile cannot be moved, and still counts for a moment.
      for (const pid of inside) await succeeds(() => writeFile(`${mount}/cgroup.procs`, pid))
      return succeeds(() => rmdir(path))
    },
    { limitMs: EMPTY_MS },
  )
  if (isRemoved !== true) throw drillFailed(`the cgroup ${path} could not be removed`)
}
