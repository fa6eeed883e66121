import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

/** The program, arguments and environment of the service. */
export interface ServiceSpec {
  /** An absolute path, as `node` and `entry`. */
  readonly root: string
  readonly node: string
  /** The daemon's script. */
  readonly entry: string
  /** The PATH of the daemon, and so of the peers. */
  readonly path: string
  /** The version of the daemon that must run; a running daemon of another version is restarted. @default any version */
  readonly version?: string
  /** Further environment variables of the daemon. */
  readonly env?: Readonly<Record<string, string>>
}

/** The facts about the system that the installation of a service uses. */
export interface ServiceSystem {
  readonly platform: NodeJS.Platform
  readonly env: NodeJS.ProcessEnv
  readonly home: string
  readonly uid: number
  readonly user: string
  /** Directories whose files the system removes after a time. */
  readonly temporaryDirectories: readonly string[]
  /** The directory with one file for each user whose services keep running after logout. */
  readonly lingerDir: string
}

function userName(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username
  } catch (error) {
    // The user has no entry in the password database.
    if (errnoOf(error) === undefined) throw error
    return env['USER'] ?? ''
  }
}

/** Returns the facts about this system. */
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

/** Returns the service manager of a platform, whether it is running or not. */
export function managerOf(system: ServiceSystem): ServiceManager {
  return system.platform === 'darwin' ? 'launchd' : 'systemd'
}

/** Returns the path of the file from which the manager reads the service. */
export function serviceFile(system: ServiceSystem): string {
  if (managerOf(system) === 'launchd')
    return join(system.home, 'Library', 'LaunchAgents', `${LAUNCHD_LABEL}.plist`)
  const set = system.env['XDG_CONFIG_HOME'] ?? ''
  // The XDG base directory specification says to ignore a relative path.
  const config = isAbsolute(set) ? set : join(system.home, '.config')
  return join(config, 'systemd', 'user', SYSTEMD_UNIT)
}

const CONTROL = /\p{Cc}/u

/** Checks the paths of a service. @throws IapeerError `invalid-path` if records, units or plists cannot contain a path */
export function checkSpec(spec: ServiceSpec): void {
  for (const [what, path] of Object.entries({ root: spec.root, node: spec.node, entry: spec.entry })) {
    if (isAbsolute(path) && !CONTROL.test(path)) continue
    throw new IapeerError(`invalid path of the ${what}: ${JSON.stringify(path)}`, {
      code: 'invalid-path',
      hint: 'Use an absolute path without newlines or other control characters.',
    })
  }
}
