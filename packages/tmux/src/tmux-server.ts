import { isRefused } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { literalArgument } from './argument.ts'
import type { TmuxResult } from './run-tmux.ts'
import { runInTerminalOnServer, runOnServer, runsAnotherFile } from './server-client.ts'

/**
 * `dead`: the process is gone. `stuck`: it lives and refuses or closes connections, as one that is exiting does.
 * `unresponsive`: it takes connections and does not answer in time, as a stopped one does. `incompatible`: it refuses this
 * tmux, which is another file than its own, and its own program cannot be used either.
 */
export type ServerState = 'alive' | 'dead' | 'deaf' | 'unresponsive' | 'incompatible'

export interface TmuxServerOptions {
  readonly socketPath: string
  /** The server's own process. */
  readonly process: ProcessId
  /** For every call, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

export interface TmuxSession {
  /** `$0`: names one session for its whole life, whatever it is called. */
  readonly id: string
  readonly name: string
  readonly attached: number
  /** Seconds since the epoch. */
  readonly createdAt: number
  readonly windows: number
}

export interface TmuxPane {
  /** `%0`. */
  readonly id: string
  readonly sessionId: string
  readonly pid: number
  readonly dead: boolean
  /** In a mode of tmux's own (copy mode, a view): keys do not reach the program. */
  readonly inMode: boolean
}

/** How much of a pane to capture. */
export interface CaptureOptions {
  /** Lines of history above the screen. @default 0 */
  readonly historyLines?: number
  /** Colours and attributes as escape sequences. @default false */
  readonly escapes?: boolean
}

const ALIVE_TIMEOUT_MS = 1_000
const UNRESPONSIVE = /error connecting|no server running|lost server|server exited/

/** Fields without blanks, and at most one text, the last. (tmux prints control characters as `_` where the locale is C.) */
const formatOf = (...fields: string[]): string => fields.map((field) => `#{${field}}`).join(' ')

function split(line: string, count: number): string[] {
  const words = line.split(' ')
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')]
}

/** One running tmux server. Every call has a time limit; what tmux refuses is an error that says what it said. */
export class TmuxServer {
  readonly socketPath: string
  readonly process: ProcessId
  readonly #timeoutMs: number
  readonly #tmux: string | undefined

  constructor(options: TmuxServerOptions) {
    this.socketPath = options.socketPath
    this.process = options.process
    this.#timeoutMs = options.timeoutMs ?? 5_000
    this.#tmux = options.tmux
  }

  /** Runs tmux commands on this server; whatever it answers is data. @throws IapeerError `tmux-missing` */
  run(
    args: readonly string[],
    options: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): Promise<TmuxResult> {
    return runOnServer(this.process, {
      socketPath: this.socketPath,
      // UTF-8 whatever the locale; and never starts a server of its own where this one has gone.
      args: ['-u', '-N', ...args],
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(this.#tmux === undefined ? {} : { tmux: this.#tmux }),
    })
  }

  /**
   * Gives the terminal of this process to a client of this server until it leaves.
   * @returns the client's exit code; undefined when a signal ended it
   * @throws IapeerError `tmux-missing`, `tmux-version-mismatch`
   */
  runInTerminal(args: readonly string[]): Promise<number | undefined> {
    return runInTerminalOnServer(this.process, {
      socketPath: this.socketPath,
      args: ['-N', ...args],
      ...(this.#tmux === undefined ? {} : { tmux: this.#tmux }),
    })
  }

  /** @throws IapeerError `tmux-refused`, `server-unresponsive` */
  async #ask(args: readonly string[], input?: string): Promise<string> {
    const result = await this.run(args, input === undefined ? {} : { input })
    if (result.exitCode === 0) return result.stdout
    const [what = ''] = args
    if (result.timedOut)
      throw new IapeerError(`the tmux server at ${this.socketPath} did not answer ${what} in time`, {
        code: 'server-unresponsive',
        hint: 'It may be stopped (kill -CONT) or very busy.',
      })
    throw new IapeerError(`tmux refused ${what}: ${result.stderr.trim() || `exit code ${result.exitCode}`}`, {
      code: 'tmux-refused',
      hint: `See what runs there: tmux -S ${this.socketPath} list-panes -a`,
    })
  }

  /** The server's own process first: only that can be dead. Then whether it answers, within a second. */
  async alive(): Promise<ServerState> {
    if ((await observeProcess(this.process)) === 'gone') return 'dead'
    const answer = await this.run(['display-message', '-p', '#{pid}'], { timeoutMs: ALIVE_TIMEOUT_MS })
    if ((await observeProcess(this.process)) === 'gone') return 'dead'
    if (answer.timedOut) return 'unresponsive'
    if (answer.exitCode === 0) return Number(answer.stdout) === this.process.pid ? 'alive' : 'deaf'
    if (isRefused(answer.stderr) && (await runsAnotherFile(this.process, this.#tmux))) return 'incompatible'
    return UNRESPONSIVE.test(answer.stderr) ? 'deaf' : 'unresponsive'
  }

  /** @throws IapeerError `tmux-refused`, `server-unresponsive` */
  async sessions(): Promise<TmuxSession[]> {
    const format = formatOf(
      'session_id',
      'session_attached',
      'session_created',
      'session_windows',
      'session_name',
    )
    const text = await this.#ask(['list-sessions', '-F', format])
    return text.split('\n').flatMap((line) => {
      const [id, attached, createdAt, windows, name] = split(line, 5)
      if (!id || name === undefined) return []
      return [
        { id, name, attached: Number(attached), createdAt: Number(createdAt), windows: Number(windows) },
      ]
    })
  }

  /** Every pane of every session; one that several sessions show is listed once. @throws as {@link sessions} */
  async panes(): Promise<TmuxPane[]> {
    const format = formatOf('pane_id', 'session_id', 'pane_pid', 'pane_dead', 'pane_in_mode')
    const text = await this.#ask(['list-panes', '-a', '-F', format])
    const panes = new Map<string, TmuxPane>()
    for (const line of text.split('\n')) {
      const [id, sessionId, pid, dead, inMode] = split(line, 5)
      if (!id || sessionId === undefined || panes.has(id)) continue
      panes.set(id, {
        id,
        sessionId,
        pid: Number(pid),
        dead: dead === '1',
        inMode: inMode !== '0' && inMode !== '',
      })
    }
    return [...panes.values()]
  }

  /**
   * What a pane shows, as lines without trailing blanks.
   * @param pane its id (`%0`)
   * @throws as {@link sessions}
   */
  async capturePane(pane: string, options: CaptureOptions = {}): Promise<string> {
    const history = options.historyLines === undefined ? [] : ['-S', String(-options.historyLines)]
    const escapes = options.escapes === true ? ['-e'] : []
    return this.#ask(['capture-pane', '-p', '-t', pane, ...history, ...escapes])
  }

  /**
   * Presses keys by tmux's names (`Enter`, `C-c`, `Down`); a text among them is a key of its own, not a name.
   * @throws as {@link sessions}
   */
  async sendKeys(
    pane: string,
    keys: readonly ({ readonly key: string } | { readonly text: string })[],
  ): Promise<void> {
    for (const one of keys) {
      const args =
        'key' in one
          ? ['send-keys', '-t', pane, literalArgument(one.key)]
          : ['send-keys', '-t', pane, '-l', '--', literalArgument(one.text)]
      await this.#ask(args)
    }
  }

  /**
   * Pastes a text of any length, bracketed where the program asked for that, so that line breaks in it send nothing.
   * @throws as {@link sessions}
   */
  async paste(pane: string, text: string): Promise<void> {
    const buffer = `iapeer-${process.pid}-${Date.now().toString(36)}`
    await this.#ask(
      ['load-buffer', '-b', buffer, '-', ';', 'paste-buffer', '-d', '-p', '-r', '-b', buffer, '-t', pane],
      text,
    )
  }

  /**
   * Reads a configuration. @returns what tmux said of it, a line each: none when it took all of it
   */
  async sourceFile(path: string): Promise<readonly string[]> {
    // source-file globs.
    const literal = literalArgument(path.replace(/[[\]*?\\]/g, '\\$&'))
    const { stdout, stderr, timedOut } = await this.run(['source-file', literal])
    if (timedOut) return [`${path} is still being read`]
    return `${stdout}\n${stderr}`.split('\n').filter((line) => line !== '')
  }

  /** The value of an option; empty where it has none. @throws as {@link sessions} */
  async option(name: string, scope: 'server' | 'global' = 'global'): Promise<string> {
    return this.#ask(['show-options', scope === 'server' ? '-sv' : '-gv', name])
  }
}
