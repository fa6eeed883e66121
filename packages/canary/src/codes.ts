/** Every {@link EnsureFailureCode}. */
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
 * Why `ensureCanary` armed no watch. `server-refused`: the server runs another version of tmux, or is exiting.
 * `is-a-peer`: the server already has a recorder. `system-error`: any other system error.
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
