import { realpath, stat } from 'node:fs/promises'
import { delimiter, isAbsolute } from 'node:path'
import { errnoOf } from '../errors/index.ts'

/** The variables of a caller that a program started for it gets. None of them holds a secret. */
export const CALLER_VARIABLE = /^(?:PATH|LANG|LANGUAGE|LC_[A-Z]{1,32})$/
/** Longer values are left out, and refused by the daemon. */
export const CALLER_VALUE_MAX = 16_384
const LOCALE_MAX = 256
/** PATH_MAX of Linux. */
const DIRECTORY_MAX = 4_096

/** The PATH and locale of the process that asks for a launch: `{PATH: '/usr/bin:/bin', LANG: 'C.UTF-8'}`. */
export type CallerEnvironment = Readonly<Record<string, string>>

const isPlain = (text: string): boolean => !/[\p{Cc}\p{Cs}]/u.test(text)

const isDirectoryPath = (path: string): boolean =>
  isAbsolute(path) && path.length <= DIRECTORY_MAX && isPlain(path)

/** Returns whether a variable is part of a {@link CallerEnvironment}, and has a value that the daemon accepts. */
export function isCallerVariable(name: string, value: string): boolean {
  if (!CALLER_VARIABLE.test(name) || value.length > CALLER_VALUE_MAX) return false
  return name === 'PATH'
    ? value.split(delimiter).every(isDirectoryPath)
    : value.length <= LOCALE_MAX && isPlain(value)
}

/** Directories that npm and pnpm add to the PATH of the scripts that they run. */
const PACKAGE_SCRIPT_DIRECTORY = /\/(?:node_modules\/\.bin|node-gyp-bin)\/?$/

/**
 * Returns the PATH and locale of a caller. Of the PATH it omits relative and empty directories, whose meaning depends on the
 * working directory, and in a script of npm or pnpm the directories that these add.
 * @param env the environment of the caller
 */
export function callerEnvironment(env: NodeJS.ProcessEnv): CallerEnvironment {
  const isScript = env['npm_config_user_agent'] !== undefined
  const directories = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((one) => isDirectoryPath(one) && !(isScript && PACKAGE_SCRIPT_DIRECTORY.test(one)))
  const path = [...new Set(directories)].join(delimiter)
  const found = Object.entries({ ...env, PATH: path }).flatMap(([name, value]) =>
    value !== undefined && value !== '' && isCallerVariable(name, value) ? [[name, value] as const] : [],
  )
  return Object.fromEntries(found)
}

/**
 * Returns an environment with the PATH and locale of a caller. Locale variables that the caller does not have are removed,
 * because LC_ALL of `env` would override LANG of the caller.
 */
export function withCallerEnvironment(env: NodeJS.ProcessEnv, caller: CallerEnvironment): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => name === 'PATH' || !CALLER_VARIABLE.test(name))
  return { ...Object.fromEntries(others), ...caller }
}

async function isMissing(directory: string): Promise<boolean> {
  try {
    return !(await stat(directory)).isDirectory()
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    // A directory that cannot be examined may exist.
    return code === 'ENOENT' || code === 'ENOTDIR'
  }
}

/** Returns the directories of a PATH that do not exist, in its order. */
export async function missingDirectories(path: string): Promise<string[]> {
  const directories = [...new Set(path.split(delimiter))].filter((one) => isAbsolute(one))
  const missing = await Promise.all(directories.map(isMissing))
  return directories.filter((_, at) => missing[at] === true)
}

/** Directories that exist as long as one shell (fnm), one run of a program (AppImage) or one version of an editor (VS Code). */
const SHELL_DIRECTORY = /\/fnm_multishells\/|\/\.mount_[^/]+\/|\/bin\/remote-cli\/?$/

/** Returns the target of a directory of one shell that is a link, such as that of fnm; undefined if it is not a link. */
async function targetOf(directory: string): Promise<string | undefined> {
  try {
    const target = await realpath(directory)
    return SHELL_DIRECTORY.test(`${target}/`) ? undefined : target
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/** Returns a PATH for later launches: a directory that is removed with its shell is replaced by its target, or omitted. */
export async function lastingPath(path: string): Promise<string> {
  const lasting = path
    .split(delimiter)
    .map(async (one) => (SHELL_DIRECTORY.test(`${one}/`) ? targetOf(one) : one))
  const directories = (await Promise.all(lasting)).flatMap((one) => one ?? [])
  return [...new Set(directories)].join(delimiter)
}
