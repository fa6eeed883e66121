import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { chmod, lstat, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import { makeUserDirectory, readRegularFile, replaceFile } from '@iapeer/core/storage'
import { ifExists } from '../../if-exists.ts'

/** The built program of this checkout or package. */
export const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

/** Returns the path of the launcher: `~/.local/bin/iapeer`. */
export const launcherPath = (): string => join(homedir(), '.local', 'bin', 'iapeer')

const MARK = '# made by iapeer: '

/** Quotes a word for a POSIX shell. */
export const shellQuoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/**
 * Returns the launcher. It starts `main` with the Node.js that runs now, or with `node` from the PATH if that one was removed, and
 * becomes that process, so exit codes and signals are those of the command.
 */
export function launcherText(main: string, node: string): string {
  return `#!/bin/sh
${MARK}${JSON.stringify(main)}
# iapeer uninstall removes this file.
main=${shellQuoted(main)}
node=${shellQuoted(node)}
if [ ! -f "$main" ]; then
  printf 'iapeer: %s does not exist\\n  Install iapeer again (npm install --global @iapeer/cli, or npm start -- --install in a clone), or remove %s.\\n' "$main" "$0" >&2
  exit 1
fi
[ -x "$node" ] || node=node
exec "$node" "$main" "$@"
`
}

/** The state of the path of the launcher. `other`: a launcher of another checkout, which starts `main`. */
export type LauncherState =
  | { readonly state: 'none' | 'foreign' | 'ours' }
  | { readonly state: 'other'; readonly main: string }

function mainIn(text: string): string | undefined {
  const line = text.split('\n', 2)[1] ?? ''
  if (!line.startsWith(MARK)) return undefined
  try {
    const main: unknown = JSON.parse(line.slice(MARK.length))
    return typeof main === 'string' ? main : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Returns what is at the path of the launcher. A symbolic link is foreign, wherever it leads. */
export async function inspectLauncher(path: string, main = MAIN): Promise<LauncherState> {
  const found = await ifExists(lstat(path))
  if (found === undefined) return { state: 'none' }
  if (!found.isFile()) return { state: 'foreign' }
  const started = mainIn((await readRegularFile(path))?.text ?? '')
  if (started === undefined) return { state: 'foreign' }
  return started === main ? { state: 'ours' } : { state: 'other', main: started }
}

/** The result of an installation. */
export interface InstalledLauncher {
  readonly state: 'installed' | 'already'
  readonly path: string
  /** The program that a launcher of another checkout started until now. */
  readonly replaced?: string
}

/**
 * Writes the launcher. It can be repeated; a launcher of another checkout is replaced.
 * @throws IapeerError `launcher-not-ours`; the Node.js system error
 */
export async function installLauncher(path = launcherPath(), main = MAIN): Promise<InstalledLauncher> {
  const found = await inspectLauncher(path, main)
  if (found.state === 'foreign')
    throw new IapeerError(`${path} was not made by iapeer`, {
      code: 'launcher-not-ours',
      hint: `iapeer did not change it. Move it away, or start iapeer with: node ${shellQuoted(main)}`,
    })
  const text = launcherText(main, process.execPath)
  const isCurrent = found.state === 'ours' && (await readRegularFile(path))?.text === text
  await makeUserDirectory(dirname(path))
  if (!isCurrent) await replaceFile(path, text, (file) => file.chmod(0o755))
  else await chmod(path, 0o755)
  const replaced = found.state === 'other' ? { replaced: found.main } : {}
  return { state: isCurrent ? 'already' : 'installed', path, ...replaced }
}

/** Removes the launcher of this checkout. @returns whether it was there */
export async function removeLauncher(path = launcherPath(), main = MAIN): Promise<boolean> {
  if ((await inspectLauncher(path, main)).state !== 'ours') return false
  await rm(path)
  return true
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return resolve(path)
  }
}

const directoriesOf = (env: NodeJS.ProcessEnv): string[] =>
  (env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '')

/** Returns whether the directory of a program is on the PATH. */
export const isOnPath = (path: string, env = process.env): boolean =>
  directoriesOf(env).some((directory) => realOf(directory) === realOf(dirname(path)))

/** Returns the program that a shell starts for the word `iapeer`; undefined if there is none. */
export const commandOnPath = (env = process.env): string | undefined =>
  directoriesOf(env)
    .map((directory) => join(directory, 'iapeer'))
    .find(isExecutable)

/** The line of a shell file that puts the directory of the launcher on the PATH. */
export const PATH_LINE = 'export PATH="$HOME/.local/bin:$PATH"'

/** Returns the command that adds that line, for new shells. */
export function pathAdvice(env = process.env): string {
  switch (basename(env['SHELL'] ?? '')) {
    case 'bash':
      return `echo '${PATH_LINE}' >> ~/.bashrc`
    case 'zsh':
      return `echo '${PATH_LINE}' >> ~/.zshrc`
    case 'fish':
      return 'fish_add_path ~/.local/bin'
    default:
      return `echo '${PATH_LINE}' >> ~/.profile`
  }
}
