import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { identifyProcess, type ProcessId } from '@iapeer/core/process'
import {
  type AgentName,
  type ModelRequest,
  type ModelServer,
  prepareHome,
  processesOf,
  run,
  startModelServer,
} from '@iapeer/dev/agents'
import type { ScreenReader } from '../src/runtimes/screen/screen-reader.ts'
import { within } from './claims.ts'

/** How long to wait for the processes of a lab to exit. */
const EXIT_MS = 10_000

/** Returns the path of a built asset. */
export const asset = (name: string): string => fileURLToPath(new URL(`../assets/${name}`, import.meta.url))

export type Fields = Readonly<Record<string, unknown>>
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** Returns the JSON objects of a file, one per line. Skips a line that is still being written. */
export function linesOf(path: string): readonly Fields[] {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  return lines.flatMap((line) => {
    try {
      return line === '' ? [] : [fieldsOf(JSON.parse(line))]
    } catch (error) {
      if (error instanceof SyntaxError) return []
      throw error
    }
  })
}

/** A temporary home, a model server on loopback, and a private tmux server for one real program. */
export class Lab {
  readonly directory: string
  readonly home: string
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly model: ModelServer
  readonly #socket: string
  #leader: ProcessId | undefined

  private constructor(name: AgentName, directory: string, model: ModelServer) {
    this.directory = directory
    this.home = join(directory, 'home')
    this.cwd = join(directory, 'work')
    this.model = model
    this.#socket = join(directory, 'tmux.sock')
    for (const path of [this.home, this.cwd]) mkdirSync(path)
    this.env = { ...prepareHome(name, { home: this.home, modelUrl: model.url, trusted: this.cwd }), TMUX: '' }
  }

  static async open(name: AgentName): Promise<Lab> {
    const lab = new Lab(name, realpathSync(mkdtempSync(join(tmpdir(), 'iapc-'))), await startModelServer())
    await run('git', ['init', '-q', lab.cwd])
    return lab
  }

  async tmux(...args: readonly string[]): Promise<string> {
    const done = await run('tmux', ['-S', this.#socket, '-f', '/dev/null', '-u', ...args], { env: this.env })
    return done.stdout
  }

  /** The process of the pane. */
  get leader(): ProcessId {
    if (this.#leader === undefined) throw new Error('the program was not started')
    return this.#leader
  }

  async start(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const variables = Object.entries(env).flatMap(([name, value = '']) => ['-e', `${name}=${value}`])
    const size = ['-x', '180', '-y', '50']
    const pid = await this.tmux(
      'new-session',
      '-d',
      '-P',
      '-F',
      '#{pane_pid}',
      '-s',
      'a',
      ...size,
      '-c',
      this.cwd,
      ...variables,
      '--',
      ...argv,
    )
    this.#leader = await identifyProcess(Number(pid))
  }

  screen(): Promise<string> {
    return this.tmux('capture-pane', '-p', '-t', 'a')
  }

  /** Presses keys, by the names that tmux has for them. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.tmux('send-keys', '-t', 'a', ...keys)
  }

  /** Types text and waits until it appears in the input row. */
  async type(text: string, reader: ScreenReader): Promise<void> {
    await this.tmux('send-keys', '-t', 'a', '-l', text)
    await within(async () => reader.read(await this.screen()).input?.includes(text), 3_000)
  }

  /** Types text and presses Enter. */
  async say(text: string, reader: ScreenReader): Promise<void> {
    await this.type(text, reader)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await this.press('Enter')
  }

  /** Returns the first model request since a time (epoch milliseconds) that contains a text as new input. */
  asked(text: string, since: number): ModelRequest | undefined {
    return this.model.requests.find(({ at, isTurn, added }) => isTurn && at >= since && added.includes(text))
  }

  async close(): Promise<void> {
    await this.tmux('kill-server')
    await this.model.close()
    // The processes write to the directory until they exit.
    await within(() => processesOf(this.directory).length === 0, EXIT_MS)
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
