import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf, IapeerError, isIapeerError } from './errors/index.ts'

/** The packages that ship shell scripts, in their directory `assets`. */
export type ScriptOwner = 'canary' | 'tmux' | 'lifecycle'

interface InstalledPackage {
  readonly directory: string
  readonly name: string
}

const INSTALL_AGAIN = 'Install iapeer again. Running peers and recorders are not affected.'

function nameIn(directory: string): string | undefined {
  try {
    const manifest = readFileSync(join(directory, 'package.json'), 'utf8')
    return /"name":\s*"([^"]+)"/.exec(manifest)?.[1] ?? ''
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Returns the package that holds a module: the nearest directory above it that has a package.json. */
function packageOf(moduleUrl: string): InstalledPackage {
  const file = fileURLToPath(moduleUrl)
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    const name = nameIn(directory)
    if (name !== undefined) return { directory, name }
    if (directory === dirname(directory))
      throw new IapeerError(`the package of ${file} has been uninstalled`, {
        code: 'package-missing',
        hint: INSTALL_AGAIN,
      })
  }
}

/**
 * Returns the directory of the shell scripts of a package: its own `assets`, or `dist/assets/<owner>` of the package into
 * which its code was bundled.
 * @param moduleUrl `import.meta.url` of the caller
 * @throws IapeerError `package-missing`
 */
export function locateScripts(owner: ScriptOwner, moduleUrl: string): string {
  const { directory, name } = packageOf(moduleUrl)
  return name === `@iapeer/${owner}` ? join(directory, 'assets') : join(directory, 'dist', 'assets', owner)
}

/**
 * Returns the path of the daemon's program, a Node.js script: `dist/main.js` of its own package, or `dist/iapeerd.js` of
 * the package into which it was bundled.
 * @param moduleUrl `import.meta.url` of the caller
 * @throws IapeerError `daemon-missing`, `package-missing`
 */
export function locateDaemon(moduleUrl: string): string {
  const { directory, name } = packageOf(moduleUrl)
  const path = join(directory, 'dist', name === '@iapeer/daemon' ? 'main.js' : 'iapeerd.js')
  if (existsSync(path)) return path
  throw new IapeerError(`the daemon's program is missing: ${path}`, {
    code: 'daemon-missing',
    hint: INSTALL_AGAIN,
  })
}

/**
 * Returns the path of the program of the command `iapeer`, a Node.js script: of the package into which the code was bundled, or in
 * this repository.
 * @param moduleUrl `import.meta.url` of the caller
 * @returns undefined if the code was not installed with the command, or its package was removed
 */
export function locateCli(moduleUrl: string): string | undefined {
  try {
    const { directory, name } = packageOf(moduleUrl)
    const cli = name === '@iapeer/cli' ? directory : join(directory, '..', '..', 'apps', 'cli')
    const path = join(cli, 'dist', 'main.js')
    return existsSync(path) ? path : undefined
  } catch (error) {
    if (isIapeerError(error) && error.code === 'package-missing') return undefined
    throw error
  }
}

const loaded = new Map<ScriptOwner, Promise<ReadonlyMap<string, string>>>()

async function readScripts(owner: ScriptOwner, moduleUrl: string): Promise<ReadonlyMap<string, string>> {
  const directory = locateScripts(owner, moduleUrl)
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.sh')).sort()
    const read = async (name: string) => [name, await readFile(join(directory, name), 'utf8')] as const
    return new Map(await Promise.all(names.map(read)))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    throw new IapeerError(`the shell scripts of @iapeer/${owner} are missing: ${directory}`, {
      code: 'scripts-missing',
      hint: `${INSTALL_AGAIN} (A bundler must leave @iapeer/${owner} outside its bundle.)`,
      cause: error,
    })
  }
}

/**
 * Returns the shell scripts of a package by file name, sorted. They are read once, so that a process keeps the scripts
 * that belong to its code when its package is replaced or removed.
 * @param moduleUrl `import.meta.url` of the caller
 * @throws IapeerError `scripts-missing`, `package-missing`; the Node.js system error
 */
export function loadScripts(owner: ScriptOwner, moduleUrl: string): Promise<ReadonlyMap<string, string>> {
  const known = loaded.get(owner)
  if (known !== undefined) return known
  const reading = readScripts(owner, moduleUrl)
  loaded.set(owner, reading)
  // The caller gets the error; the next call reads again.
  reading.catch(() => loaded.delete(owner))
  return reading
}

/**
 * Returns the text of one shell script.
 * @throws the errors of {@link loadScripts}
 */
export async function loadScript(owner: ScriptOwner, name: string, moduleUrl: string): Promise<string> {
  const text = (await loadScripts(owner, moduleUrl)).get(name)
  if (text !== undefined) return text
  throw new IapeerError(`${join(locateScripts(owner, moduleUrl), name)} is missing`, {
    code: 'scripts-missing',
    hint: INSTALL_AGAIN,
  })
}
