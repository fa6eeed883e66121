import { DAEMON_ERRORS } from './daemon.ts'
import type { ErrorEntry, ErrorKind } from './entry.ts'
import { FILE_ERRORS } from './files.ts'
import { INPUT_ERRORS } from './input.ts'
import { ERROR_KINDS } from './kinds.ts'
import { MAIL_ERRORS } from './mail.ts'
import { PEER_ERRORS } from './peers.ts'
import { TMUX_ERRORS } from './tmux.ts'

/** The sections of the catalogue. */
export const ERROR_SECTIONS: readonly {
  readonly title: string
  readonly errors: Readonly<Record<string, ErrorEntry>>
}[] = [
  { title: 'Command lines, values and settings', errors: INPUT_ERRORS },
  { title: 'Peers', errors: PEER_ERRORS },
  { title: 'Messages', errors: MAIL_ERRORS },
  { title: 'tmux servers and recorders', errors: TMUX_ERRORS },
  { title: 'The daemon, its API and its service', errors: DAEMON_ERRORS },
  { title: 'Files, the installation and the host', errors: FILE_ERRORS },
]

/** The code of an error that iapeer throws. */
export type ErrorCode =
  | keyof typeof INPUT_ERRORS
  | keyof typeof PEER_ERRORS
  | keyof typeof MAIL_ERRORS
  | keyof typeof TMUX_ERRORS
  | keyof typeof DAEMON_ERRORS
  | keyof typeof FILE_ERRORS

/** Every error code, with its entry. */
export const ERROR_CATALOGUE: Readonly<Record<ErrorCode, ErrorEntry>> = {
  ...INPUT_ERRORS,
  ...PEER_ERRORS,
  ...MAIL_ERRORS,
  ...TMUX_ERRORS,
  ...DAEMON_ERRORS,
  ...FILE_ERRORS,
}

/** The entry for the codes of other versions. */
const UNKNOWN: ErrorEntry = { kind: 'failed', summary: 'This version of iapeer does not know the code.' }

const isListed = (code: string): code is ErrorCode => Object.hasOwn(ERROR_CATALOGUE, code)

/** Returns the entry of a code, or an entry of the kind `failed` for a code that the catalogue does not have. */
export const describeError = (code: string): ErrorEntry => (isListed(code) ? ERROR_CATALOGUE[code] : UNKNOWN)

/** Returns the exit code of a command that fails with this error code. */
export function exitCodeOf(code: string): number {
  const { kind, exitCode } = describeError(code)
  return exitCode ?? ERROR_KINDS[kind].exitCode
}

/** An HTTP status with which the daemon's API answers an error. */
export type HttpStatus = (typeof ERROR_KINDS)[ErrorKind]['httpStatus'] | NonNullable<ErrorEntry['httpStatus']>

/** Returns the HTTP status with which the daemon's API answers an error of this code. */
export function httpStatusOf(code: string): HttpStatus {
  const { kind, httpStatus } = describeError(code)
  return httpStatus ?? ERROR_KINDS[kind].httpStatus
}
