import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { startInBackground } from '@iapeer/core/exec'
import { rootLayout } from '@iapeer/core/paths'
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

/** The name of an intent about one generation: `<identity>-<gen>`, for a second declarer with a number. */
const OF_GENERATION = /-([0-9a-f]{16})(?:\.\d+)?$/

async function textAt(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    // The generation was settled meanwhile.
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}

/** The daemon of a drill's root. */
export class DrillDaemon {
  readonly #options: DaemonOptions
  #id: ProcessId | undefined
  readonly #inTurn = oneAtATime()
  readonly #cutOff = new Set<string>()

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

  /**
   * The generations that a daemon was stopping on purpose when it was killed, as after a launch that was cut off by the kill before. An
   * intent counts only while its declarer runs, so their deaths may be recorded.
   */
  get cutOff(): ReadonlySet<string> {
    return this.#cutOff
  }

  async #kill(): Promise<void> {
    if (this.#id === undefined) return
    const before = await this.#stopping(this.#id)
    await this.#options.processes.signal(this.#id, 'SIGKILL')
    await isGoneWithin(this.#id, STOP_MS)
    for (const gen of [...before, ...(await this.#stopping(this.#id))]) this.#cutOff.add(gen)
  }

  /** Returns the generations that a daemon has declared to stop. */
  async #stopping({ pid }: ProcessId): Promise<string[]> {
    const { intentDir } = rootLayout(this.#options.root).records
    const found: string[] = []
    for (const name of await readdir(intentDir)) {
      const [, gen] = OF_GENERATION.exec(name) ?? []
      if (gen !== undefined && (await textAt(join(intentDir, name))).includes(`declarer=${pid}:`))
        found.push(gen)
    }
    return found
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
