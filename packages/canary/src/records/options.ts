import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { toIdentity } from '@iapeer/core/identity'
import { type RecordLayout, recordLayout, SOCKET_PATH_LIMIT } from '@iapeer/core/paths'
import { settingText } from '@iapeer/core/settings'

/** The directories of the records. */
export interface RecordOptions {
  /** Directory of `exits.log`, `lifecycle.log` and `server-deaths/`; created (0700) if missing. */
  readonly recordDir: string
  /** Directory of the recorders' state and of intents. @default `<recordDir>/state` */
  readonly stateDir?: string
  /** Directory of the copies of the scripts that recorders run. @default `<recordDir>/lib` */
  readonly libDir?: string
}

/** An identity and the directories of its records. */
export interface CanaryOptions extends RecordOptions {
  /** `<runtime>-<personality>`, for example `claude-bob`. */
  readonly identity: string
}

const CONTROL = /\p{Cc}/u

/**
 * Returns a path as an absolute one, if scripts and logs can hold it.
 * @throws IapeerError `invalid-path`
 */
function checkPath(what: string, path: string): string {
  if (typeof path === 'string' && path !== '' && !CONTROL.test(path)) return resolve(path)
  throw new IapeerError(
    `${what} is ${path === '' ? 'empty' : `not a usable path: ${JSON.stringify(path)}`}`,
    {
      code: 'invalid-path',
      hint: 'Use a path without newlines or other control characters.',
    },
  )
}

/** @throws IapeerError `invalid-path`, `socket-path-too-long` */
export function checkSocketPath(path: string): string {
  const absolute = checkPath('socketPath', path)
  const bytes = Buffer.byteLength(absolute)
  if (bytes <= SOCKET_PATH_LIMIT) return absolute
  throw new IapeerError(
    `the socket path is ${bytes} bytes long, this system allows ${SOCKET_PATH_LIMIT}: ${absolute}`,
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

/** Returns `<dev>:<inode>` of a socket, which shows whether another server owns the path now; `-` if the socket is missing. */
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

/** Returns a generation (16 hex digits) or throws `invalid-options`. */
export function checkGen(gen: string): string {
  if (typeof gen === 'string' && /^[0-9a-f]{16}$/.test(gen)) return gen
  const hint = 'Pass the gen that ensureCanary or canaryStatus returned, 16 hex digits.'
  throw new IapeerError(`invalid gen: ${JSON.stringify(gen)}`, { code: 'invalid-options', hint })
}

/**
 * Returns the tmux channel that a watch waits on: `iap-canary-<identity>`.
 * @throws IapeerError `invalid-identity`
 */
export function canaryChannel(identity: string): string {
  return `iap-canary-${toIdentity(identity)}`
}

/** Returns whether `IAPEER_RECORDS` turns every recorder off (`off`, `0`, `false`, `no`); any other text leaves them on. */
export function recordsAreOff(env: NodeJS.ProcessEnv = process.env): boolean {
  return /^(off|0|false|no)$/i.test(settingText(env, 'IAPEER_RECORDS'))
}
