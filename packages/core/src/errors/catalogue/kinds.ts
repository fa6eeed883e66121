import type { ErrorKind } from './entry.ts'
import { EXIT } from './exit-codes.ts'

/** The meaning of a kind, the exit code of a command and the HTTP status of the daemon's API. */
interface KindEntry {
  readonly summary: string
  readonly exitCode: number
  readonly httpStatus: number
}

/** The kinds of errors. An error has the exit code and the HTTP status of its kind, unless its entry overrides them. */
export const ERROR_KINDS = {
  usage: {
    summary: 'The command line, the request or a value in it is invalid. Correct it before you try again.',
    exitCode: EXIT.usage,
    httpStatus: 400,
  },
  configuration: {
    summary:
      'A setting of iapeer is invalid. Correct it in config.toml (iapeer config), or in the environment of the command or of the daemon.',
    exitCode: EXIT.usage,
    httpStatus: 500,
  },
  'not-running': {
    summary: 'The peer or the server is not running.',
    exitCode: EXIT.notRunning,
    httpStatus: 409,
  },
  'not-found': {
    summary: 'The named peer, death, pane or path does not exist.',
    exitCode: EXIT.noSuchPeer,
    httpStatus: 404,
  },
  denied: {
    summary: 'The API does not accept requests from this client.',
    exitCode: EXIT.failed,
    httpStatus: 403,
  },
  conflict: {
    summary: 'Another process, peer or file is in the way.',
    exitCode: EXIT.failed,
    httpStatus: 409,
  },
  unprocessable: {
    summary: 'The request is valid, but a file, a profile or a program that it needs is missing or invalid.',
    exitCode: EXIT.failed,
    httpStatus: 422,
  },
  timeout: {
    summary: 'A process did not answer in time. The same request may succeed later.',
    exitCode: EXIT.failed,
    httpStatus: 504,
  },
  unavailable: {
    summary: 'The daemon does not answer, or accepts no more clients. The same request may succeed later.',
    exitCode: EXIT.daemonUnreachable,
    httpStatus: 503,
  },
  interrupted: {
    summary: 'The operation was interrupted before it was done.',
    exitCode: EXIT.interrupted,
    httpStatus: 503,
  },
  failed: {
    summary: 'The host, the disk, a program or the installation of iapeer does not work as required.',
    exitCode: EXIT.failed,
    httpStatus: 500,
  },
  internal: {
    summary: 'There is a bug in iapeer.',
    exitCode: EXIT.failed,
    httpStatus: 500,
  },
} as const satisfies Readonly<Record<ErrorKind, KindEntry>>
