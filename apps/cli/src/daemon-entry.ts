import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** Found where it is installed, not imported: the command works without. */
const DAEMON = '@iapeer/daemon'

function missing(cause?: unknown): IapeerError {
  return new IapeerError('the daemon is not installed', {
    code: 'daemon-missing',
    hint: `Install it beside this command: npm install --global ${DAEMON}`,
    cause,
  })
}

function manifestPath(): string {
  try {
    return createRequire(import.meta.url).resolve(`${DAEMON}/package.json`)
  } catch (error) {
    if (errnoOf(error) !== 'MODULE_NOT_FOUND') throw error
    throw missing(error)
  }
}

/** The script of the daemon, absolute. @throws IapeerError `daemon-missing` */
export function daemonEntry(): string {
  const path = manifestPath()
  const bin = /"iapeerd":\s*"([^"]+)"/.exec(readFileSync(path, 'utf8'))?.[1]
  if (bin === undefined) throw missing()
  return resolve(dirname(path), bin)
}
