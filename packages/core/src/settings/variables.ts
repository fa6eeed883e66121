/** A variable of the environment that is not a setting of iapeer. */
export interface Variable {
  readonly variable: string
  /** One sentence, as documentation has it. */
  readonly description: string
}

/** Variables of a peer: the first four are set for its program, the others are read from its `launch.env`. */
export const PEER_VARIABLES: readonly Variable[] = [
  { variable: 'PEER_IDENTITY', description: 'The identity of the peer, for example `claude-bob`.' },
  { variable: 'PEER_PERSONALITY', description: 'The name of the peer.' },
  { variable: 'PEER_RUNTIME', description: 'The runtime that the peer was started as.' },
  { variable: 'PEER_HOME', description: 'The home of the peer.' },
  {
    variable: 'PEER_START_ARGS',
    description: 'In a launch.env: arguments that are added to the command of the peer.',
  },
  {
    variable: 'PEER_DISALLOWED_TOOLS',
    description: 'In a launch.env: the tools that the agent must not use.',
  },
]

/** Variables of other programs that iapeer honours. */
export const FOREIGN_VARIABLES: readonly Variable[] = [
  { variable: 'HOME', description: 'Where the default root and the files of the agents are.' },
  { variable: 'PATH', description: 'Where tmux and the programs of peers are found.' },
  {
    variable: 'TMUX, TMUX_TMPDIR',
    description: 'The tmux server that a command runs in, and where sockets are.',
  },
  {
    variable: 'XDG_CONFIG_HOME',
    description: 'Where the file of the systemd service is; default `~/.config`.',
  },
  {
    variable: 'XDG_RUNTIME_DIR',
    description: 'Where the socket of the daemon is if the path of the root is too long for it.',
  },
  { variable: 'XDG_STATE_HOME', description: 'Where iapeer-canary keeps its records.' },
  { variable: 'CLAUDE_CONFIG_DIR, CODEX_HOME', description: 'Where the agents keep their sessions.' },
  { variable: 'NO_COLOR, TERM=dumb', description: 'Switch colours off.' },
  {
    variable: 'NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID',
    description: 'Set by systemd for the daemon, which reports its state there.',
  },
]

/** Variables that iapeer passes to its own scripts, to tmux and to the programs of peers. Nobody else sets them. */
export const INTERNAL_VARIABLES: readonly Variable[] = [
  { variable: 'IAPEER_IDENTITY', description: 'The identity that a recorder records for.' },
  { variable: 'IAPEER_GEN', description: 'The generation that a recorder records.' },
  { variable: 'IAPEER_SERVER', description: 'The tmux server: process id and start token.' },
  { variable: 'IAPEER_RECORD_DIR', description: 'The directory of the records.' },
  { variable: 'IAPEER_STATE_DIR', description: 'The directory of the state of recorders.' },
  { variable: 'IAPEER_LIB', description: 'The directory of the installed scripts.' },
  { variable: 'IAPEER_PLATFORM', description: '`linux` or `darwin`.' },
  { variable: 'IAPEER_BOOT', description: 'The boot in which the recorder was started.' },
  {
    variable: 'IAPEER_CLOCK',
    description: 'The offset of the wall clock, to tell the time without a process.',
  },
  { variable: 'IAPEER_RECORDER', description: 'The recorder that is gone: process id and start token.' },
  { variable: 'IAPEER_CLAIM_MS', description: 'When an unfinished claim was made, in epoch milliseconds.' },
  { variable: 'IAPEER_SEEN_MS', description: 'When the server was last seen alive, in epoch milliseconds.' },
  { variable: 'IAPEER_SOCKET', description: 'The socket of the tmux server.' },
  { variable: 'IAPEER_SOCKET_ID', description: 'Device and inode of that socket.' },
  { variable: 'IAPEER_TMUX', description: 'The path of tmux.' },
  { variable: 'IAPEER_SETSID', description: 'The path of setsid, or empty.' },
  { variable: 'IAPEER_HOOK', description: 'In tmux: the path of the exit hook.' },
  { variable: 'IAPEER_HOOK_STATE', description: 'In tmux: the state file of the guard.' },
  { variable: 'IAPEER_HOOK_SESSION', description: 'In tmux: the session of the peer.' },
  { variable: 'IAPEER_LEADER', description: 'In tmux: pane and process id of the leader.' },
  { variable: 'IAPEER_CWD', description: 'In tmux: the working directory of the leader.' },
  { variable: 'IAPEER_PANE_LOG', description: 'In tmux: the file of the pane log.' },
  { variable: 'IAPEER_WITNESS', description: 'In tmux: the script that records who runs a kill command.' },
  { variable: 'IAPEER_WITNESS_STATE', description: 'In tmux: the state file that the script reads.' },
  { variable: 'IAPEER_BEARER', description: "For Codex: the token of iapeer's MCP server." },
  {
    variable: 'IAPEER_TEST_DIR',
    description: 'In the tests: the directory that a test run leaves empty.',
  },
]
