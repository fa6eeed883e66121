import { readdirSync, readFileSync } from 'node:fs'
import { waitUntil } from '@iapeer/core/async'
import { errnoOf } from '@iapeer/core/errors'
import { hasProcfs, identifyProcess, observeProcess, type ProcessId } from '@iapeer/core/process'

/** The processes that a drill has started: only these get signals from it. */
export class OwnProcesses {
  readonly #ids = new Map<number, ProcessId>()

  add(...ids: readonly ProcessId[]): void {
    for (const id of ids) this.#ids.set(id.pid, id)
  }

  /** Sends a signal to a process that the drill has started, if it still runs. @throws RangeError if it has not started it */
  async signal(id: ProcessId, name: NodeJS.Signals): Promise<void> {
    if (this.#ids.get(id.pid)?.token !== id.token)
      throw new RangeError(`process ${id.pid} was not started by this drill`)
    if ((await observeProcess(id)) !== 'alive') return
    try {
      process.kill(id.pid, name)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  forget(ids: readonly ProcessId[]): void {
    for (const { pid, token } of ids) if (this.#ids.get(pid)?.token === token) this.#ids.delete(pid)
  }

  /** Returns the processes that still run. */
  async running(): Promise<ProcessId[]> {
    const all = [...this.#ids.values()]
    const states = await Promise.all(all.map((id) => observeProcess(id)))
    return all.filter((_id, at) => states[at] !== 'gone')
  }

  /**
   * Kills the processes that still run, also stopped ones: those added last first, so that a recorder does not record how its server is ended.
   * @returns them
   */
  async end(): Promise<ProcessId[]> {
    const running = (await this.running()).reverse()
    for (const id of running) {
      await this.signal(id, 'SIGCONT')
      await this.signal(id, 'SIGKILL')
    }
    return running
  }
}

/** Waits until a process has exited. @returns whether it has */
export async function isGoneWithin(id: ProcessId, limitMs: number): Promise<boolean> {
  const gone = async () => ((await observeProcess(id)) === 'gone' ? true : undefined)
  return (await waitUntil(gone, { limitMs })) === true
}

/** Returns the processes whose environment has this home. Linux; elsewhere none. */
export async function processesWithHome(home: string): Promise<ProcessId[]> {
  if (!hasProcfs()) return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && hasHome(name, home))
  const found = await Promise.all(pids.map((pid) => identifyProcess(Number(pid))))
  return found.flatMap((id) => id ?? [])
}

function hasHome(pid: string, home: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`HOME=${home}`)
  } catch (error) {
    // It has exited, or belongs to another user.
    if (errnoOf(error) === undefined) throw error
    return false
  }
}
