import { entries } from './entry.ts'

/** tmux servers, panes and recorders. */
export const TMUX_ERRORS = entries({
  'tmux-missing': {
    kind: 'failed',
    summary: 'tmux is not installed, or cannot be executed.',
    hint: 'Install tmux, for example with `apt-get install tmux` or `brew install tmux`.',
  },
  'tmux-too-old': {
    kind: 'failed',
    summary: 'This tmux is older than 3.2, which peers need.',
    hint: 'Update tmux.',
  },
  'server-refused': {
    kind: 'failed',
    summary:
      'The tmux server runs another version of tmux: it refuses the tmux on the PATH, and its own program cannot be run.',
    hint: 'Restart that tmux server.',
  },
  'tmux-version-mismatch': {
    kind: 'failed',
    summary:
      "The peer's tmux server runs another version: it refuses the tmux on the PATH, and its own program cannot be run.",
    hint: 'Restart the peer: `iapeer restart <peer>`.',
  },
  'tmux-unusable': {
    kind: 'failed',
    summary: '`tmux -V` fails.',
    hint: 'Run `tmux -V` to see why.',
  },
  'tmux-refused': {
    kind: 'failed',
    summary: 'tmux refused a command; the message quotes tmux.',
    hint: 'Correct what that message names.',
  },
  'session-refused': {
    kind: 'failed',
    summary: 'tmux did not create the session of the peer.',
    hint: 'The message quotes tmux; `tmux -S <socket> list-sessions` lists the sessions of that server.',
  },
  'config-error': {
    kind: 'unprocessable',
    summary: 'tmux reports an error in the configuration file.',
    hint: 'Correct the line that it names.',
  },
  'no-server': {
    kind: 'not-running',
    summary: 'No tmux server answers on the socket.',
    hint: "Check the path: `tmux display-message -p '#{socket_path}'` prints it inside that tmux. Or start the server.",
  },
  'no-such-socket': {
    kind: 'not-found',
    summary: 'The tmux socket does not exist.',
    hint: "Run `tmux display-message -p '#{socket_path}'` in that tmux to print its path.",
    exitCode: 2,
  },
  'no-such-pane': {
    kind: 'not-found',
    summary: 'The tmux server has no such pane.',
    hint: 'List the panes: `tmux -S <socket> list-panes -a`.',
    exitCode: 2,
  },
  'pane-dead': {
    kind: 'not-running',
    summary: 'The program of the pane has exited.',
    hint: 'Start the program again in a pane, or pass its command: `iapeer create <name> -- <command>`.',
  },
  'pane-hidden': {
    kind: 'unprocessable',
    summary: 'The process of the pane belongs to another user, or cannot be read.',
    hint: 'Pass its command: `iapeer create <name> --cwd <directory> -- <command>`.',
  },
  'server-unresponsive': {
    kind: 'timeout',
    summary: 'The tmux server does not answer in time.',
    hint: 'It may be stopped (`kill -CONT <pid>` continues it) or very busy.',
  },
  'server-unreadable': {
    kind: 'failed',
    summary: 'The tmux server exited, or the start time of its process cannot be read.',
    hint: 'Check that the server is running. On Linux, /proc must be mounted; on macOS, `ps` must work.',
  },
  'server-stays': {
    kind: 'failed',
    summary: 'The process of the tmux server does not exit, even after SIGKILL.',
    hint: 'It is blocked in the kernel; `ps` shows its state.',
  },
  'foreign-server': {
    kind: 'conflict',
    summary: 'Another tmux server uses the socket of the peer.',
    hint: '`iapeer stop --force <peer>` stops the server of the peer, and does not touch the other server.',
  },
  'is-a-peer': {
    kind: 'conflict',
    summary: 'The tmux server belongs to a peer, which already has a recorder.',
    hint: 'No action is needed: its death is recorded.',
  },
  'socket-taken': {
    kind: 'conflict',
    summary: 'A tmux server is running on the socket.',
    hint: 'Use another path, or stop that server.',
  },
  'socket-path-occupied': {
    kind: 'conflict',
    summary: 'The path of the socket is a file that is not a socket.',
    hint: 'Move that file away.',
  },
  'socket-directory-unusable': {
    kind: 'failed',
    summary: 'The directory of the socket does not exist, or this user cannot use it.',
    hint: 'Create the directory, or use a directory of your own.',
  },
  'start-timeout': {
    kind: 'timeout',
    summary: 'The tmux server did not start in time.',
    hint: 'Raise the time limit, or check the load of the host.',
  },
  'guard-failed': {
    kind: 'failed',
    summary: 'The guard, the process that starts the tmux server and records its death, did not start.',
    hint: 'Check that the directory of the records is writable.',
  },
  'guard-ended': {
    kind: 'failed',
    summary: 'The tmux server exited while it was being started.',
    hint: 'Run the same tmux command in a terminal to see why.',
  },
  'arming-failed': {
    kind: 'failed',
    summary: 'The watch (the recorder of a running tmux server) did not start.',
    hint: 'Try again. If it fails again, check the free space of the disk and the load of the host.',
  },
  'record-dir-unwritable': {
    kind: 'failed',
    summary: 'The directory of the records cannot be written.',
    hint: 'Check its owner, its mode and the free space of its disk.',
  },
  'no-signal-witness': {
    kind: 'failed',
    summary: 'The senders of signals cannot be recorded on this host.',
    hint: 'It needs Linux, and root or a writable tracefs; unset IAPEER_SIGNAL_WITNESS to run without it.',
  },
})
