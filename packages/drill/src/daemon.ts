import { startInBackground } from '@iapeer/core/exec'
import { identifyProcess, observeProcess, type ProcessId } from '@iapeer/core/process'
import { drillFailed } from './errors.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { isGoneWithin, type OwnProcesses } from './processes.ts'

const START_MS = 30_000
const STOP_MS = 20_000

interface DaemonOptions {
  /** The program of the daemon: a script of Node.js. */
  readonly program: string
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly processes: OwnProcesses
}

/** The daemon of a drill's root. */
export class DrillDaemon {
  readonly #options: DaemonOptions
  #id: ProcessId | undefined
  readonly #inTurn = oneAtATime()

  constructor(options: DaemonOptions) {
    this.#options = options
  }

  /** Starts it unless it runs, and waits until it answers. Concurrent calls start one. @throws IapeerError `drill-failed` */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (!(await this.#isRunning())) await this.#start()
    })
  }

  /** Kills it with SIGKILL, once a start in progress is done. Another act may have killed it before. */
  kill(): Promise<void> {
    return this.#inTurn(() => this.#kill())
  }

  /** Stops it, once a start in progress is done. The peers keep running. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#id === undefined) return
      await this.#options.processes.signal(this.#id, 'SIGTERM')
      if (!(await isGoneWithin(this.#id, STOP_MS))) await this.#kill()
    })
  }

  async #kill(): Promise<void> {
    if (this.#id === undefined) return
    await this.#options.processes.signal(this.#id, 'SIGKILL')
    await isGoneWithin(this.#id, STOP_MS)
  }

  async #isRunning(): Promise<boolean> {
    return this.#id !== undefined && (await observeProcess(this.#id)) !== 'gone'
  }

  async #start(): Promise<void> {
    const { program, root, env, processes } = this.#options
    const argv = [process.execPath, program, '--root', root, '--foreground', '--report'] as const
    const child = await startInBackground(argv, { env, cwd: root })
    const id = await identifyProcess(child.pid)
    if (id !== undefined) processes.add(id)
    this.#id = id
    const line = await child.firstLine(START_MS)
    child.release()
    if (line === undefined || !line.includes('"state":"up"'))
      throw drillFailed(`the daemon of the drill did not start: ${line ?? 'no answer'}`)
  }
}
