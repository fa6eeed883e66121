import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { toIdentity } from '@iapeer/core/identity'
import { type RecordLayout, recordLayout, SOCKET_PATH_LIMIT } from '@iapeer/core/paths'

/** Where the records of a watch are kept. */
export interface RecordOptions {
  /** Directory for `exits.log`, `lifecycle.log` and `server-deaths/`; made (0700) when missing. */
  readonly recordDir: string
  /** Directory for the state of recorders and for declared teardowns. @default `<recordDir>/state` */
  readonly stateDir?: string
  /** Where recorders keep the copies of the scripts they run from. @default `<recordDir>/lib` */
  readonly libDir?: string
}

/** One watched thing and where it is recorded. */
export interface CanaryOptions extends RecordOptions {
  /** `<runtime>-<personality>`, for example `claude-bob`. */
  readonly identity: string
}

const CONTROL = /\p{Cc}/u

/**
 * A path that scripts and logs can carry.
 * @throws IapeerError `invalid-path`
 */
function checkPath(what: string, path: string): string {
  if (typeof path === 'string' && path !== '' && !CONTROL.test(path)) return resolve(path)
  throw new IapeerError(`${what} is ${path === '' ? 'empty' : `no usable path: ${JSON.stringify(path)}`}`, {
    code: 'invalid-path',
    hint: 'Use a path without newlines or other control characters.',
  })
}

/** @throws IapeerError `invalid-path`, `socket-path-too-long` */
export function checkSocketPath(path: string): string {
  const absolute = checkPath('socketPath', path)
  const bytes = Buffer.byteLength(absolute)
  if (bytes <= SOCKET_PATH_LIMIT) return absolute
  throw new IapeerError(
    `the socket path has ${bytes} bytes; this system allows ${SOCKET_PATH_LIMIT}: ${absolute}`,
    {
      code: 'socket-path-too-long',
      hint: 'Use a shorter directory for the socket.',
    },
  )
}

/** @throws IapeerError `invalid-path` */
export function checkedLayout(options: RecordOptions): RecordLayout {
  checkPath('recordDir', options.recordDir)
  if (options.stateDir !== undefined) checkPath('stateDir', options.stateDir)
  if (options.libDir !== undefined) checkPath('libDir', options.libDir)
  return recordLayout(options)
}

/** @throws IapeerError `invalid-identity`, `invalid-path` */
export function checkedLocation(options: CanaryOptions): { identity: string; layout: RecordLayout } {
  return { identity: toIdentity(options.identity), layout: checkedLayout(options) }
}

/** `<dev>:<inode>` of a socket, to notice that the path belongs to another server now; `-` when there is none. */
export async function socketIdOf(path: string): Promise<string> {
  try {
    const found = await stat(path)
    return `${found.dev}:${found.ino}`
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return '-'
    throw error
  }
}

/** One life of one server: 16 hex digits. */
export function checkGen(gen: string): string {
  if (typeof gen === 'string' && /^[0-9a-f]{16}$/.test(gen)) return gen
  const hint = 'Take it from ensureCanary or canaryStatus.'
  throw new IapeerError(`not a generation: ${JSON.stringify(gen)}`, { code: 'invalid-options', hint })
}

/**
 * Returns the tmux channel that a watch waits on: `iap-canary-<identity>`.
 * @throws IapeerError `invalid-identity`
 */
export function canaryChannel(identity: string): string {
  return `iap-canary-${toIdentity(identity)}`
}

/** `IAPEER_RECORDS=off` is the one switch for every recorder; any text that does not switch it off leaves it on. */
export function recordsAreOff(env: NodeJS.ProcessEnv = process.env): boolean {
  return /^(off|0|false|no)$/i.test(env['IAPEER_RECORDS'] ?? '')
}
