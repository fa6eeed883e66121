import { isRefused } from '@iapeer/canary'
import { IapeerError } from '@iapeer/core/errors'
import { observeProcess, type ProcessId } from '@iapeer/core/process'
import { literalArgument } from './argument.ts'
import { describeReach, observeReach, type Unreachable } from './reach.ts'
import type { TmuxCall, TmuxResult } from './run-tmux.ts'
import { runInTerminalOnServer, runOnServer, runsAnotherFile } from './server-client.ts'

/**
 * The state of a tmux server.
 * - `dead`: its process is gone.
 * - `unreachable`: its process exists but refuses or closes connections (it may be exiting), or another server uses its socket.
 * - `unresponsive`: it accepts connections but does not answer in time (it may be stopped).
 * - `incompatible`: it refuses this tmux, which is not the program that the server runs, and that program cannot be used either.
 */
export type ServerState = 'alive' | 'dead' | 'unreachable' | 'unresponsive' | 'incompatible'

/** How to reach a running tmux server. */
export interface TmuxServerOptions {
  readonly socketPath: string
  /** The server's own process. */
  readonly process: ProcessId
  /** Time limit of each call, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  /** @default `tmux`, from the PATH */
  readonly tmux?: string
}

/** A session of a tmux server. */
export interface TmuxSession {
  /** `$0`; stays the same when the session is renamed. */
  readonly id: string
  readonly name: string
  readonly attached: number
  /** Seconds since the epoch. */
  readonly createdAt: number
  readonly windows: number
}

/** A pane of a tmux server. */
export interface TmuxPane {
  /** `%0`. */
  readonly id: string
  readonly sessionId: string
  readonly pid: number
  readonly dead: boolean
  /** Whether the pane is in a mode of tmux (copy mode, a view), in which keys do not reach the program. */
  readonly inMode: boolean
}

/** How much of a pane to capture. */
export interface CaptureOptions {
  /** Lines of history above the screen to include. @default 0 */
  readonly historyLines?: number
  /** Include colours and attributes as escape sequences. @default false */
  readonly escapes?: boolean
}

const ALIVE_TIMEOUT_MS = 1_000
const UNREACHABLE = /error connecting|no server running|lost server|server exited/

/** Separates fields by blanks; only the last one may contain blanks. (In the C locale, tmux prints control characters as `_`.) */
const formatOf = (...fields: string[]): string => fields.map((field) => `#{${field}}`).join(' ')

function split(line: string, count: number): string[] {
  const words = line.split(' ')
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')]
}

/** A running tmux server. Every call has a time limit. If tmux refuses a call, the error contains tmux's message. */
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

  /** Runs tmux commands on this server. A failure of the commands is returned, not thrown. @throws IapeerError `tmux-missing` */
  run(
    args: readonly string[],
    options: Pick<TmuxCall, 'input' | 'timeoutMs' | 'path'> = {},
  ): Promise<TmuxResult> {
    return runOnServer(this.process, {
      socketPath: this.socketPath,
      // -u: UTF-8 in any locale. -N: do not start a new server if this one is gone.
      args: ['-u', '-N', ...args],
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.path === undefined ? {} : { path: options.path }),
      ...(this.#tmux === undefined ? {} : { tmux: this.#tmux }),
    })
  }

  /**
   * Runs a client of this server in the terminal of this process until the client exits.
   * @returns the client's exit code; undefined if a signal killed it
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
    const [command = ''] = args
    const lost = await this.unreachable()
    if (lost !== undefined)
      throw new IapeerError(`the tmux server ${this.process.pid} runs, but ${lost.what}`, {
        code: 'server-unresponsive',
        hint: lost.fix,
      })
    if (result.timedOut)
      throw new IapeerError(`the tmux server at ${this.socketPath} did not answer ${command} in time`, {
        code: 'server-unresponsive',
        hint: 'It may be stopped (resume it with kill -CONT) or very busy.',
      })
    throw new IapeerError(
      `tmux refused ${command}: ${result.stderr.trim() || `exit code ${result.exitCode}`}`,
      {
        code: 'tmux-refused',
        hint: `To see what runs on that server: tmux -S ${this.socketPath} list-panes -a`,
      },
    )
  }

  /** Returns why no client reaches the running server, and what to do; undefined if clients reach it, or it is dead. */
  async unreachable(): Promise<Unreachable | undefined> {
    const reach = await observeReach(this.process, this.socketPath)
    return describeReach(reach, this.process.pid, this.socketPath)
  }

  /** Checks the server's process first: only that shows whether the server is dead. Then checks that it answers within a second. */
  async alive(): Promise<ServerState> {
    if ((await observeProcess(this.process)) === 'gone') return 'dead'
    const answer = await this.run(['display-message', '-p', '#{pid}'], { timeoutMs: ALIVE_TIMEOUT_MS })
    if ((await observeProcess(this.process)) === 'gone') return 'dead'
    if (answer.timedOut) return 'unresponsive'
    if (answer.exitCode === 0) return Number(answer.stdout) === this.process.pid ? 'alive' : 'unreachable'
    if (isRefused(answer.stderr) && (await runsAnotherFile(this.process, this.#tmux))) return 'incompatible'
    return UNREACHABLE.test(answer.stderr) ? 'unreachable' : 'unresponsive'
  }

  /** Lists the sessions of the server. @throws IapeerError `tmux-refused`, `server-unresponsive` */
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

  /** Lists the panes of all sessions; a pane that several sessions show is listed once. @throws as {@link sessions} */
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
   * Returns the text that a pane shows, as lines without trailing blanks.
   * @param pane the id of the pane (`%0`)
   * @throws as {@link sessions}
   */
  async capturePane(pane: string, options: CaptureOptions = {}): Promise<string> {
    const history = options.historyLines === undefined ? [] : ['-S', String(-options.historyLines)]
    const escapes = options.escapes === true ? ['-e'] : []
    return this.#ask(['capture-pane', '-p', '-t', pane, ...history, ...escapes])
  }

  /**
   * Sends keys to a pane, each by its tmux name (`Enter`, `C-c`, `Down`) or as literal text.
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
   * Pastes text of any length. It is bracketed if the program enabled bracketed paste, so that line breaks submit nothing.
   * @throws as {@link sessions}
   */
  async paste(pane: string, text: string): Promise<void> {
    const buffer = `iapeer-${process.pid}-${Date.now().toString(36)}`
    await this.#ask(
      ['load-buffer', '-b', buffer, '-', ';', 'paste-buffer', '-d', '-p', '-r', '-b', buffer, '-t', pane],
      text,
    )
  }

  /** Loads a tmux configuration file. @returns the messages of tmux, one for each line; empty if it accepted the whole file */
  async sourceFile(path: string): Promise<readonly string[]> {
    // source-file expands glob patterns.
    const literal = literalArgument(path.replace(/[[\]*?\\]/g, '\\$&'))
    const { stdout, stderr, timedOut } = await this.run(['source-file', literal])
    if (timedOut)
      return [
        `${path}: tmux did not finish loading it in time: a command in it is still running. Start it with run-shell -b`,
      ]
    return `${stdout}\n${stderr}`.split('\n').filter((line) => line !== '')
  }

  /** Returns the value of an option; empty if it has none. @throws as {@link sessions} */
  async option(name: string, scope: 'server' | 'global' = 'global'): Promise<string> {
    return this.#ask(['show-options', scope === 'server' ? '-sv' : '-gv', name])
  }
}
