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
    summary: 'This tmux is older than 3.2, and cannot keep a session for a peer.',
    hint: 'Update tmux.',
  },
  'server-refused': {
    kind: 'failed',
    summary:
      'The tmux server refuses the tmux on the PATH, and its own program cannot be run: it is of another version.',
    hint: 'Restart that tmux server.',
  },
  'tmux-version-mismatch': {
    kind: 'failed',
    summary:
      'The tmux server runs another version, and refuses the tmux on the PATH; its own program cannot be run either.',
    hint: 'Restart the peer: `iapeer refresh <peer>`.',
  },
  'tmux-unusable': {
    kind: 'failed',
    summary: '`tmux -V` fails.',
    hint: 'Run it by hand to see why.',
  },
  'tmux-refused': {
    kind: 'failed',
    summary: 'tmux refused a command; the message has what tmux said.',
  },
  'session-refused': {
    kind: 'failed',
    summary: 'tmux did not create the session of the peer.',
  },
  'config-error': {
    kind: 'unprocessable',
    summary: 'tmux reports an error in the configuration file.',
    hint: 'Correct the line that it names.',
  },
  'no-server': {
    kind: 'not-running',
    summary: 'No tmux server answers on the socket.',
  },
  'no-such-socket': {
    kind: 'not-found',
    summary: 'The tmux socket does not exist.',
    hint: "In that tmux, `tmux display-message -p '#{socket_path}'` prints it.",
    exitCode: 2,
  },
  'no-such-pane': {
    kind: 'not-found',
    summary: 'The tmux server has no such pane.',
    exitCode: 2,
  },
  'pane-dead': {
    kind: 'not-running',
    summary: 'The program of the pane has exited.',
  },
  'pane-hidden': {
    kind: 'unprocessable',
    summary: 'The process of the pane belongs to another user, or cannot be read.',
    hint: 'Pass its command yourself: `iapeer create <name> --cwd <directory> -- <command>`.',
  },
  'server-unresponsive': {
    kind: 'timeout',
    summary: 'The tmux server does not answer in time.',
    hint: 'It may be stopped (`kill -CONT <pid>` continues it) or very busy.',
  },
  'server-unreadable': {
    kind: 'failed',
    summary: 'The tmux server exited, or the start time of its process cannot be read.',
  },
  'server-stays': {
    kind: 'failed',
    summary: 'The process of the tmux server does not exit, not even after SIGKILL.',
    hint: 'It waits for something in the kernel; `ps` shows its state.',
  },
  'foreign-server': {
    kind: 'conflict',
    summary: 'The tmux server on the socket is not the one of the peer.',
    hint: '`iapeer stop --force` stops the one of the peer, and leaves the other one alone.',
  },
  'is-a-peer': {
    kind: 'conflict',
    summary: 'The tmux server belongs to a peer, and its death is recorded already.',
  },
  'socket-taken': {
    kind: 'conflict',
    summary: 'A tmux server is running on the socket.',
    hint: 'Use another path, or stop that server.',
  },
  'socket-path-occupied': {
    kind: 'conflict',
    summary: 'The path of the socket has a file that is not a socket.',
    hint: 'Move that file away.',
  },
  'socket-directory-unusable': {
    kind: 'failed',
    summary: 'The directory of the socket does not exist, or this user cannot use it.',
  },
  'start-timeout': {
    kind: 'timeout',
    summary: 'The tmux server did not start in time.',
    hint: 'Raise the time limit, or see what the host is busy with.',
  },
  'guard-failed': {
    kind: 'failed',
    summary: 'The guard, which is the parent and the recorder of the tmux server, did not start.',
    hint: 'Check that the directory of the records can be written.',
  },
  'guard-ended': {
    kind: 'failed',
    summary: 'The tmux server exited while it was being started.',
    hint: 'Run the same tmux by hand to see why.',
  },
  'arming-failed': {
    kind: 'failed',
    summary: 'The recorder of a watch did not start.',
  },
  'record-dir-unwritable': {
    kind: 'failed',
    summary: 'The directory of the records cannot be written.',
    hint: 'Check its owner, its mode and the free space of its disk.',
  },
  'no-signal-witness': {
    kind: 'failed',
    summary: 'The senders of signals cannot be recorded on this host.',
  },
})
