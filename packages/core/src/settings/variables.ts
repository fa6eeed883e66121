/** An environment variable that is not a setting of iapeer. */
export interface Variable {
  readonly variable: string
  /** One sentence for the documentation. */
  readonly description: string
}

/** Variables of a peer: iapeer sets the first four for the peer's program, and reads the others from its `launch.env`. */
export const PEER_VARIABLES: readonly Variable[] = [
  { variable: 'PEER_IDENTITY', description: 'The identity of the peer, for example `claude-bob`.' },
  { variable: 'PEER_PERSONALITY', description: 'The name of the peer.' },
  { variable: 'PEER_RUNTIME', description: 'The runtime that the peer was started as.' },
  { variable: 'PEER_HOME', description: 'The home of the peer.' },
  {
    variable: 'IAPEER_BEARER',
    description:
      'The token by which the programs of the session prove who they are when they send a message.',
  },
  { variable: 'IAPEER_MAIL_DIR', description: 'The private directory of the session.' },
  {
    variable: 'PEER_START_ARGS',
    description: 'In a launch.env: arguments to add to the command of the peer.',
  },
  {
    variable: 'PEER_DISALLOWED_TOOLS',
    description: 'In a launch.env: tools that the agent must not use.',
  },
]

/** Variables of other programs that iapeer reads. */
export const FOREIGN_VARIABLES: readonly Variable[] = [
  { variable: 'HOME', description: 'The directory of the default root and of the files of the agents.' },
  {
    variable: 'PATH',
    description:
      'The directories in which iapeer looks for tmux and the programs of peers. A start records it for restarts.',
  },
  {
    variable: 'LANG, LANGUAGE, LC_*',
    description:
      'The locale of output, and of the peers that a command starts. A start records it for restarts.',
  },
  {
    variable: 'TMUX, TMUX_TMPDIR',
    description: 'The tmux server that a command runs in, and the directory of tmux sockets.',
  },
  {
    variable: 'XDG_CONFIG_HOME',
    description: 'The directory of the systemd unit file; default `~/.config`.',
  },
  {
    variable: 'XDG_RUNTIME_DIR',
    description: "The directory of the daemon's socket if the path of the root is too long for a socket.",
  },
  { variable: 'XDG_STATE_HOME', description: 'The directory in which iapeer-canary keeps its records.' },
  {
    variable: 'CLAUDE_CONFIG_DIR, CODEX_HOME',
    description: 'The directories in which the agents keep their sessions.',
  },
  { variable: 'NO_COLOR, TERM=dumb', description: 'Disable colours.' },
  {
    variable: 'NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID',
    description: 'Set by systemd, to which the daemon reports its state.',
  },
  {
    variable: 'MALLOC_TOP_PAD_',
    description:
      'A guard is started with 524288, so that it need not ask for memory when its server has died (glibc). A value of yours counts instead. Servers do not get the value 524288.',
  },
  {
    variable: 'MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_',
    description:
      'The daemon is started with 65536, so that it returns memory sooner (glibc). A value of yours counts instead where a command starts the daemon; for the service, put it into a drop-in file. Peers do not get the value 65536.',
  },
]

/** Variables that only iapeer sets, for its own scripts, for tmux and for the programs of peers. */
export const INTERNAL_VARIABLES: readonly Variable[] = [
  { variable: 'IAPEER_IDENTITY', description: 'The identity that a recorder records for.' },
  {
    variable: 'IAPEER_GEN',
    description: 'The generation (the run of a tmux server) that a recorder records.',
  },
  { variable: 'IAPEER_SERVER', description: 'The tmux server: process id and start token.' },
  { variable: 'IAPEER_RECORD_DIR', description: 'The directory of the records.' },
  { variable: 'IAPEER_STATE_DIR', description: 'The directory of the state of recorders.' },
  { variable: 'IAPEER_LIB', description: 'The directory of the installed scripts.' },
  { variable: 'IAPEER_PLATFORM', description: '`linux` or `darwin`.' },
  { variable: 'IAPEER_BOOT', description: 'The boot in which the recorder was started.' },
  {
    variable: 'IAPEER_CLOCK',
    description:
      'The offset of the wall clock, with which a script computes the time without starting a process.',
  },
  { variable: 'IAPEER_RECORDER', description: 'The recorder that has exited: process id and start token.' },
  { variable: 'IAPEER_CLAIM_MS', description: 'The time of an unfinished claim, in epoch milliseconds.' },
  {
    variable: 'IAPEER_SEEN_MS',
    description: 'The time when the server was last seen running, in epoch milliseconds.',
  },
  { variable: 'IAPEER_SOCKET', description: 'The socket of the tmux server.' },
  { variable: 'IAPEER_SOCKET_ID', description: 'Device and inode of that socket.' },
  { variable: 'IAPEER_TMUX', description: 'The path of tmux.' },
  { variable: 'IAPEER_SETSID', description: 'The path of setsid, or empty.' },
  { variable: 'IAPEER_HOOK', description: 'In tmux: the path of the exit hook.' },
  { variable: 'IAPEER_LAST', description: 'In tmux: whether the session of the peer is the only one.' },
  { variable: 'IAPEER_HOOK_STATE', description: 'In tmux: the state file of the guard.' },
  { variable: 'IAPEER_HOOK_SESSION', description: 'In tmux: the session of the peer.' },
  { variable: 'IAPEER_LEADER', description: 'In tmux: pane and process id of the leader.' },
  { variable: 'IAPEER_CWD', description: 'In tmux: the working directory of the leader.' },
  { variable: 'IAPEER_PANE_LOG', description: 'In tmux: the file of the pane log.' },
  { variable: 'IAPEER_WITNESS', description: 'In tmux: the script that records who runs a kill command.' },
  { variable: 'IAPEER_WITNESS_STATE', description: 'In tmux: the state file that the script reads.' },
  {
    variable: 'IAPEER_TEST_DIR',
    description: 'In the tests: the directory that a test run must leave empty.',
  },
]
