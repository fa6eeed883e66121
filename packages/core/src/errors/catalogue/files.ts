import { entries } from './entry.ts'

/** Files, the installation and the host. */
export const FILE_ERRORS = entries({
  'no-home': {
    kind: 'failed',
    summary: 'This user has no home directory.',
    hint: 'Set IAPEER_ROOT to a private directory, or set HOME.',
  },
  'directory-not-ours': {
    kind: 'failed',
    summary: 'A directory that iapeer uses, or one above it, belongs to another user.',
    hint: 'Set HOME, IAPEER_ROOT or IAPEER_SOCK_DIR to a directory of your own.',
  },
  'directory-shared': {
    kind: 'failed',
    summary: 'Other users can write to a directory that must be private.',
    hint: 'Run `chmod go-w <directory>`, or choose another directory.',
  },
  'temporary-directory-unusable': {
    kind: 'failed',
    summary: 'No directory can be made in the temporary directory.',
    hint: 'Set TMPDIR to a directory that exists and that you can write to.',
  },
  'not-a-directory': {
    kind: 'unprocessable',
    summary: 'A path that must be a directory is a file.',
    hint: 'Move that file away.',
  },
  'unusable-file': {
    kind: 'unprocessable',
    summary: 'The path is not a regular file that iapeer can read.',
    hint: 'Move it away, or replace it with a valid file.',
  },
  'outside-root': {
    kind: 'unprocessable',
    summary: 'A symbolic link leads out of the directory in which the path must stay.',
    hint: 'Replace the link with a real directory or file.',
  },
  'lock-held': {
    kind: 'conflict',
    summary: 'Another process holds the lock that this operation needs.',
    hint: 'Try again when that process has finished.',
  },
  'registry-behind': {
    kind: 'failed',
    summary: 'A profile was changed, but the registry was not.',
    hint: 'Fix the cause, then run `iapeer verify --fix`.',
  },
  'registry-corrupt': {
    kind: 'failed',
    summary: 'The registry cannot be read.',
    hint: '`iapeer verify --fix` rebuilds it from the profiles.',
  },
  'registry-lost': {
    kind: 'failed',
    summary: 'The registry is missing, but the root has directories or links of peers.',
    hint: '`iapeer verify --fix` rebuilds it from the profiles.',
  },
  'registry-newer': {
    kind: 'failed',
    summary: 'The registry was written by a newer iapeer.',
    hint: 'Update iapeer.',
  },
  'rollback-failed': {
    kind: 'failed',
    summary: 'The registry could not be written, and the changes made before could not be undone.',
    hint: 'Check that the disk is writable, then run `iapeer verify --fix`.',
  },
  'root-unwritable': {
    kind: 'failed',
    summary: 'The registry cannot be written; it is unchanged.',
    hint: 'Check the free space, the mode and the owner of the root.',
  },
  'disk-full': {
    kind: 'failed',
    summary: 'The disk of the root is full.',
    hint: 'Free some space.',
    httpStatus: 507,
  },
  'file-not-synced': {
    kind: 'failed',
    summary: 'A file was written, but may be lost if the host crashes now.',
    hint: 'Check the disk: it reported an error when the file was flushed.',
  },
  'package-missing': {
    kind: 'failed',
    summary: 'The package of the running program has been uninstalled.',
    hint: 'Install iapeer again.',
  },
  'launcher-not-ours': {
    kind: 'conflict',
    summary: 'The file at the path of the launcher was not made by iapeer, or is a symbolic link.',
    hint: 'Move it away, then run `iapeer install` again.',
  },
  'home-not-ours': {
    kind: 'conflict',
    summary:
      'iapeer did not make the home of the peer, or another peer uses it, so iapeer does not delete it.',
    hint: 'Remove the peer without `--purge`, and delete the directory yourself.',
  },
  'records-in-use': {
    kind: 'conflict',
    summary: 'A recorder is still running, so the records are not deleted.',
    hint: 'Run `iapeer uninstall --stop-peers --delete-records` again.',
  },
  'needs-answer': {
    kind: 'usage',
    summary: 'The command asks a question, and no terminal is there to ask it.',
    hint: 'Pass the option that the message names.',
  },
  'daemon-missing': {
    kind: 'failed',
    summary: 'The program of the daemon is missing from the installation.',
    hint: 'Install iapeer again.',
  },
  'scripts-missing': {
    kind: 'failed',
    summary: 'Shell scripts are missing from the installation.',
    hint: 'Install iapeer again. A bundler must leave the package outside its bundle.',
  },
  'cannot-run': {
    kind: 'failed',
    summary: 'The system cannot start a program that iapeer needs.',
    hint: 'Check that the program named in the message exists and is executable.',
  },
  'system-error': {
    kind: 'failed',
    summary: 'A system call failed; the message quotes the system.',
  },
  'process-unreadable': {
    kind: 'failed',
    summary: 'The start time of a process cannot be read.',
    hint: 'Check that /proc is mounted (Linux), or that `ps` works.',
  },
  'ps-failed': {
    kind: 'failed',
    summary: '`ps` did not answer.',
    hint: 'Check that `ps` works in a terminal.',
  },
  'demo-failed': {
    kind: 'failed',
    summary: 'The demonstration did not work as expected.',
    hint: '`iapeer demo --keep` keeps its files.',
  },
  'drill-failed': {
    kind: 'failed',
    summary: 'The drill could not run on this host.',
    hint: '`iapeer doctor` names what this host does not permit.',
  },
  'drill-too-large': {
    kind: 'conflict',
    summary: 'The drill would need more than half of the free memory, processes or disk space.',
    hint: 'Use a smaller `--concurrency` or `--count`.',
  },
  'not-a-line': {
    kind: 'internal',
    summary: 'A log entry does not end with a newline.',
  },
  'event-too-long': {
    kind: 'internal',
    summary: 'An event is longer than a line of the event log can be.',
  },
  'reserved-file': {
    kind: 'internal',
    summary: 'Only the functions of the registry write this file.',
    hint: 'Use `@iapeer/core/registry`.',
  },
})
