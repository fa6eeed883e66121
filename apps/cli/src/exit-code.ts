import { errnoOf, IapeerError, isIapeerError } from '@iapeer/core/errors'
import { CommanderError } from 'commander'

/** The exit codes of every iapeer command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  noSuchPeer: 4,
  daemonUnreachable: 5,
  blocked: 8,
  interrupted: 130,
} as const

const USAGE_CODES: ReadonlySet<string> = new Set([
  'usage',
  'invalid-identity',
  'invalid-personality',
  'invalid-runtime',
  'unusable-name',
  'unusable-home',
  'invalid-path',
  'invalid-fields',
  'socket-path-too-long',
  'runtime-undeclared',
  'invalid-pane',
  'no-such-socket',
  'no-such-pane',
  'ambiguous-pane',
  'bad-setting',
])

const NOT_RUNNING_CODES: ReadonlySet<string> = new Set(['not-running', 'no-server', 'pane-dead'])

/** The command line was off: exit code 2. */
export function usageError(message: string, hint: string): IapeerError {
  return new IapeerError(message, { code: 'usage', hint })
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (!isIapeerError(error)) return EXIT.failed
  if (error.code === 'no-such-death' || error.code === 'no-such-peer') return EXIT.noSuchPeer
  if (NOT_RUNNING_CODES.has(error.code)) return EXIT.notRunning
  if (error.code === 'interrupted') return EXIT.interrupted
  if (error.code === 'daemon-unreachable') return EXIT.daemonUnreachable
  return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failed
}

/** What can be done about an error of the system. */
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  EACCES: 'See whose that is, and its mode (ls -ld).',
  EPERM: 'See whose that is, and its mode (ls -ld).',
  ENOSPC: 'Make room on that disk.',
  EDQUOT: 'Make room in your quota.',
  EROFS: 'That disk is read-only: mount it writable, or use another folder.',
  ENOTDIR: 'A file is where a folder must be: move it away, or use another path.',
  ENAMETOOLONG: 'Use a shorter path.',
  EMFILE: 'Allow more open files (ulimit -n).',
  ENOENT: 'See whether that folder is still there.',
}

/** What a person reads of an error: what is wrong, and what to do. */
export function explain(error: unknown): string {
  if (isIapeerError(error))
    return `iapeer: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`
  const hint = SYSTEM_HINTS[errnoOf(error) ?? '']
  const said = error instanceof Error ? error.message : String(error)
  return `iapeer: ${said}\n${hint === undefined ? '' : `  ${hint}\n`}`
}
