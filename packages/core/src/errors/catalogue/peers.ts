import { entries } from './entry.ts'

/** Peers, their profiles, programs and deaths. */
export const PEER_ERRORS = entries({
  'no-such-peer': {
    kind: 'not-found',
    summary: 'No peer has this name.',
    hint: 'See `iapeer list`.',
  },
  'no-such-watch': {
    kind: 'not-found',
    summary: 'No tmux server is or was watched under this name.',
    hint: 'See `iapeer status`.',
  },
  'no-such-death': {
    kind: 'not-found',
    summary: 'No death is recorded under this name or id.',
    hint: 'See `iapeer deaths`.',
  },
  'no-files': {
    kind: 'not-found',
    summary: 'The files of this death were removed, or it never had any.',
    hint: '`iapeer autopsy` without `--raw` shows its record in exits.log.',
    exitCode: 1,
  },
  'name-taken': {
    kind: 'conflict',
    summary: 'Another peer has this name.',
    hint: 'Choose another name, or rename that peer first.',
  },
  'name-remembered': {
    kind: 'conflict',
    summary:
      'The name belongs to a peer that is not registered now, for example because its home is not mounted.',
    hint: '`iapeer verify --fix` registers it again; `iapeer remove <name>` forgets it.',
  },
  'name-ambiguous': {
    kind: 'conflict',
    summary: 'The registry has more than one peer of this name.',
    hint: 'Change the name in one of the profiles, then run `iapeer verify --fix`.',
  },
  'home-occupied': {
    kind: 'conflict',
    summary: 'The directory is the home of another peer.',
    hint: 'Choose another directory; several peers can share one working directory (`--cwd`).',
  },
  'home-has-profile': {
    kind: 'conflict',
    summary: 'The directory already has a profile.',
    hint: '`iapeer init <directory>` registers the peer that it describes.',
  },
  'launch-queued': {
    kind: 'timeout',
    summary:
      'The start was queued for too long: too little memory was available, or other peers were starting.',
    hint: 'Free some memory or stop other peers; `iapeer start <peer> --now` does not wait.',
  },
  running: {
    kind: 'conflict',
    summary: 'The command is not possible while the peer is running.',
    hint: 'Stop it first: `iapeer stop <peer>`.',
  },
  'recorder-too-old': {
    kind: 'conflict',
    summary: 'The peer was started by an earlier iapeer, whose recorder cannot follow a rename.',
    hint: 'Run `iapeer restart <peer>`, then rename it.',
  },
  'crash-loop': {
    kind: 'conflict',
    summary: 'The peer died too often within a short time, and is not restarted.',
    hint: '`iapeer autopsy <peer>` shows why; `iapeer reset <peer>` allows it to start.',
  },
  'resume-failed': {
    kind: 'conflict',
    summary: 'The peer could not resume its conversation several times in a row, and is not started.',
    hint: '`iapeer reset <peer>`, then `iapeer start <peer>` for a new conversation, or with `--resume` for another attempt.',
  },
  'conversation-gone': {
    kind: 'conflict',
    summary: 'The conversation that is to be resumed does not exist any more, or never did.',
    hint: '`iapeer restart --fresh <peer>` begins a new one; `iapeer start <peer> --conversation <id>` resumes another one.',
  },
  'conversation-held': {
    kind: 'conflict',
    summary: 'A running process is in the conversation that is to be resumed.',
    hint: 'Wait until that process has ended, or begin a new conversation: `iapeer restart --fresh <peer>`.',
  },
  'conversation-unknown': {
    kind: 'conflict',
    summary: 'iapeer does not know which conversation the peer was in.',
    hint: '`iapeer restart --fresh <peer>` begins a new one; `iapeer start <peer> --conversation <id>` resumes one.',
  },
  'wake-refused': {
    kind: 'conflict',
    summary: 'The daemon does not start the peer for this message; the error says why.',
  },
  held: {
    kind: 'conflict',
    summary: 'Another `iapeer run` supervises the peer.',
    hint: 'Stop that command first.',
  },
  'not-due': {
    kind: 'conflict',
    summary: 'The planned start of the peer was cancelled.',
    hint: '`iapeer start <peer>` starts it.',
  },
  'attach-to-itself': {
    kind: 'conflict',
    summary: 'The command cannot attach to the terminal in which it runs.',
    hint: 'Attach from another terminal.',
  },
  'no-terminal': {
    kind: 'unprocessable',
    summary: 'The command needs a terminal, and its input or output is not one.',
    hint: 'Run it in a terminal; `iapeer logs <peer>` prints the output without one.',
  },
  'not-running': {
    kind: 'not-running',
    summary: 'The peer or the daemon is not running.',
    hint: 'Run `iapeer start <peer>`, or `iapeer daemon start`.',
  },
  'no-profile': {
    kind: 'unprocessable',
    summary: 'The home of the peer has no profile.',
    hint: '`iapeer init <directory>` creates one. For a registered peer, `iapeer verify --fix` restores it from the registry.',
  },
  'invalid-profile': {
    kind: 'unprocessable',
    summary: 'A field of a peer-profile.json is invalid or occurs twice.',
    hint: 'Correct that file; iapeer changed nothing in it.',
  },
  'edit-failed': {
    kind: 'unprocessable',
    summary: 'The edit of a profile was not saved; the message says why, and where the edit is kept.',
    hint: 'Run `iapeer edit` again to continue.',
  },
  'profile-changed': {
    kind: 'conflict',
    summary: 'Another program has changed the profile while it was edited.',
    hint: 'Compare both files, then try again.',
  },
  'corrupt-profile': {
    kind: 'unprocessable',
    summary: 'A peer-profile.json is not JSON, or not UTF-8 text.',
    hint: 'Correct that file, or restore a copy; iapeer changed nothing in it.',
  },
  'path-directory-missing': {
    kind: 'unprocessable',
    summary:
      'A directory of the PATH that is recorded for the peer does not exist any more; the message names it.',
    hint: 'Stop the peer, then start it in a shell whose PATH is right: `iapeer stop <peer>`, `iapeer start <peer>`.',
  },
  'invalid-launch-env': {
    kind: 'unprocessable',
    summary: 'A line of a launch.env cannot be read.',
    hint: 'A line is `KEY=VALUE`, a comment after `#`, or empty.',
  },
  'prompt-too-large': {
    kind: 'unprocessable',
    summary: 'A file of a system prompt is too large.',
    hint: 'Shorten it, or move it away.',
  },
  'prompt-not-text': {
    kind: 'unprocessable',
    summary: 'A file of a system prompt is not UTF-8 text.',
    hint: 'Convert it with `iconv -t utf-8`, or move it away.',
  },
  'runtime-undeclared': {
    kind: 'unprocessable',
    summary: 'The profile of the peer does not list this runtime.',
    hint: '`iapeer runtimes add <runtime> --peer <peer>` adds it.',
    exitCode: 2,
  },
  'runtime-unknown': {
    kind: 'unprocessable',
    summary: 'iapeer cannot start this runtime.',
    hint: 'The hint of the message lists the runtimes.',
  },
  'wrong-intelligence': {
    kind: 'unprocessable',
    summary: 'The runtime is for peers of another `intelligence`.',
    hint: 'Change "intelligence" or "runtimes" in the peer-profile.json.',
  },
  'command-missing': {
    kind: 'unprocessable',
    summary: 'The runtime needs a command, and the profile has none.',
    hint: 'Add "command": ["program", "argument"] to the peer-profile.json.',
  },
  'command-not-found': {
    kind: 'unprocessable',
    summary: "The peer's program does not exist, or cannot be executed.",
    hint: 'Install it, or set PATH in the launch.env of the runtime.',
  },
  'cwd-missing': {
    kind: 'unprocessable',
    summary: 'The working directory does not exist.',
    hint: 'Create it, or change "cwd" in the peer-profile.json.',
  },
  'program-ended': {
    kind: 'unprocessable',
    summary: "The peer's program exited while the peer was being started.",
    hint: '`iapeer autopsy <identity>` shows how it exited.',
  },
  'launch-failed': {
    kind: 'failed',
    summary: 'The peer was not started, because a system call failed; the message quotes the system.',
    hint: 'Check that the file system of the root has free space and is writable.',
  },
  interrupted: {
    kind: 'interrupted',
    summary: 'The start of the peer was interrupted.',
    hint: '`iapeer show <peer>` prints its state: the daemon may still be starting it.',
  },
})
