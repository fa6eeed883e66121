import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** What the service runs, and with what. */
export interface ServiceSpec {
  /** Absolute, as are `node` and `entry`. */
  readonly root: string
  readonly node: string
  /** The daemon's script. */
  readonly entry: string
  /** What the daemon finds programs by, and so the peers. */
  readonly path: string
  /** Which version of the daemon is to run; one of another version is started anew. @default whichever runs */
  readonly version?: string
  /** Further variables of the daemon. */
  readonly env?: Readonly<Record<string, string>>
}

/** The system that a service is installed on, as far as that looks at it. */
export interface ServiceSystem {
  readonly platform: NodeJS.Platform
  readonly env: NodeJS.ProcessEnv
  readonly home: string
  readonly uid: number
  readonly user: string
  /** Directories whose content goes by itself. */
  readonly temporaryDirectories: readonly string[]
  /** Holds one file for each user whose services outlive their logins. */
  readonly lingerDir: string
}

function userName(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username
  } catch (error) {
    // A user without an entry in the password database.
    if (errnoOf(error) === undefined) throw error
    return env['USER'] ?? ''
  }
}

/** This very system. */
export function thisServiceSystem(env: NodeJS.ProcessEnv = process.env): ServiceSystem {
  return {
    platform: process.platform,
    env,
    home: env['HOME'] || homedir(),
    uid: process.getuid?.() ?? 0,
    user: userName(env),
    temporaryDirectories: [
      // macOS keeps $TMPDIR of every user below /var/folders.
      ...new Set(['/tmp', '/var/tmp', '/dev/shm', '/private/tmp', '/var/folders', '/private/var/folders']),
      resolve(tmpdir()),
    ],
    lingerDir: '/var/lib/systemd/linger',
  }
}

export type ServiceManager = 'systemd' | 'launchd'

export const SYSTEMD_UNIT = 'iapeerd.service'
export const LAUNCHD_LABEL = 'com.iapeer.daemon'

/** Which manager a platform has, whether it runs or not. */
export function managerOf(system: ServiceSystem): ServiceManager {
  return system.platform === 'darwin' ? 'launchd' : 'systemd'
}

/** The file of the service: what the manager reads. */
export function serviceFile(system: ServiceSystem): string {
  if (managerOf(system) === 'launchd')
    return join(system.home, 'Library', 'LaunchAgents', `${LAUNCHD_LABEL}.plist`)
  const set = system.env['XDG_CONFIG_HOME'] ?? ''
  // A relative one is to be ignored (XDG base directory specification).
  const config = isAbsolute(set) ? set : join(system.home, '.config')
  return join(config, 'systemd', 'user', SYSTEMD_UNIT)
}

const CONTROL = /\p{Cc}/u

/** @throws IapeerError `invalid-path` for what records, units and plists cannot carry */
export function checkSpec(spec: ServiceSpec): void {
  for (const [what, path] of Object.entries({ root: spec.root, node: spec.node, entry: spec.entry })) {
    if (isAbsolute(path) && !CONTROL.test(path)) continue
    throw new IapeerError(`the ${what} is no usable path: ${JSON.stringify(path)}`, {
      code: 'invalid-path',
      hint: 'Use an absolute path without newlines or other control characters.',
    })
  }
}
