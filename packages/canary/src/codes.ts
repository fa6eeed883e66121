/** Why `ensureCanary` has not armed a watch. */
export const ENSURE_FAILURES = [
  'no-server',
  'server-unresponsive',
  'server-refused',
  'server-unreadable',
  'is-a-peer',
  'arming-failed',
  'tmux-missing',
  'cannot-run',
  'record-dir-unwritable',
  'scripts-missing',
  'package-missing',
  'system-error',
  'invalid-options',
  'invalid-identity',
  'invalid-path',
  'socket-path-too-long',
] as const

/**
 * Why `ensureCanary` has not armed a watch. `server-refused`: the server runs another version of tmux, or is exiting.
 * `is-a-peer`: its death is recorded already. `system-error`: any other error of the system.
 */
export type EnsureFailureCode = (typeof ENSURE_FAILURES)[number]

/** The `code` of every IapeerError that this package throws; errors of Node.js (`ENOSPC`) keep theirs. */
export type CanaryErrorCode =
  | EnsureFailureCode
  | 'config-error'
  | 'cwd-missing'
  | 'directory-not-ours'
  | 'directory-shared'
  | 'guard-ended'
  | 'guard-failed'
  | 'not-a-directory'
  | 'process-unreadable'
  | 'ps-failed'
  | 'socket-directory-unusable'
  | 'socket-path-occupied'
  | 'socket-taken'
  | 'start-timeout'
  | 'tmux-refused'
