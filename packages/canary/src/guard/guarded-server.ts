import type { AgentLeaf } from '@iapeer/core/cgroup'
import type { ProcessId } from '@iapeer/core/process'
import type { CanaryOptions } from '../records/options.ts'

/** How `startGuardedServer` starts a server. */
export interface GuardedServerOptions extends CanaryOptions {
  /** Path of the server's socket; it must not be in use. Its directory must exist and belong to this user. */
  readonly socketPath: string
  /** A tmux configuration. A client sources it, so that its errors are reported. @default none, not even the user's own */
  readonly configFile?: string
  /** The server's environment, which its panes inherit. @default that of this process, without TMUX and TMUX_PANE */
  readonly env?: NodeJS.ProcessEnv
  /** The server's working directory. @default `/` */
  readonly cwd?: string
  /** Time limit for the whole start, in milliseconds. @default 5000 */
  readonly timeoutMs?: number
  /** The share of a busy processor that the scope of guard and server gets; that of other units is 100. @default 100 */
  readonly cpuWeight?: number | undefined
  /** tmux to use: a name looked up on the PATH, or an absolute path. @default `tmux` */
  readonly tmux?: string
}

/** A tmux server that was started, and its recorder. */
export interface GuardedServer {
  /** `watch`: tmux is older than 3.2, so it is an ordinary server with a watch. `none`: `IAPEER_RECORDS=off`. */
  readonly mode: 'guard' | 'watch' | 'none'
  /** The process of the tmux server. */
  readonly server: ProcessId
  /** The server's generation, 16 hex digits: one run of one server. Undefined in mode `none`. */
  readonly gen: string | undefined
  /** The process id of the recorder whose child the server is. Undefined unless the mode is `guard`. */
  readonly guardPid: number | undefined
  /** Whether guard and server have a systemd scope of their own. */
  readonly scope: 'own' | 'none'
  /** The cgroup for the leader and all that it starts, beside that of guard and server. */
  readonly leaf?: AgentLeaf | undefined
  /** Why it has no such cgroup. */
  readonly uncontained?: string | undefined
  /**
   * The words before the command of the leader: it moves to its cgroup, and the kernel prefers to kill it and what it starts, rather
   * than the server and the recorder, when memory runs out. @default none, where nothing is recorded, and on macOS
   */
  readonly leaderPrefix?: readonly string[]
}
