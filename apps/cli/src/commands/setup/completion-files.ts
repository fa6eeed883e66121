import { homedir } from 'node:os'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { readRegularFile } from '@iapeer/core/storage'
import { PATH_LINE } from './launcher.ts'

/** Returns where `iapeer completion --help` tells a person to put the script of each shell. */
function completionPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const home = homedir()
  const data = env['XDG_DATA_HOME'] || join(home, '.local', 'share')
  const config = env['XDG_CONFIG_HOME'] || join(home, '.config')
  return [
    join(data, 'bash-completion', 'completions', 'iapeer'),
    join(home, '.zfunc', '_iapeer'),
    join(config, 'fish', 'completions', 'iapeer.fish'),
  ]
}

/** Returns the text of a file; an empty text if this user cannot read it, or if it is not a regular file. */
async function textOf(path: string): Promise<string> {
  try {
    return (await readRegularFile(path))?.text ?? ''
  } catch (error) {
    if (errnoOf(error) === 'EACCES' || (isIapeerError(error) && error.code === 'unusable-file')) return ''
    throw error
  }
}

/** The line by which each script says whose it is. */
const MARK = /^# (bash|zsh|fish) completion for iapeer\b/m

/** Returns the completion scripts of iapeer that are installed at those paths. */
export async function completionFiles(env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const found: string[] = []
  for (const path of completionPaths(env)) if (MARK.test(await textOf(path))) found.push(path)
  return found
}

const SHELL_FILES = ['.bashrc', '.bash_profile', '.profile', '.zshrc', join('.config', 'fish', 'config.fish')]

/** Returns the chosen lines of the person's shell files: `<path>:<line>`. iapeer does not edit these files. */
async function shellLines(isChosen: (line: string) => boolean): Promise<string[]> {
  const found: string[] = []
  for (const name of SHELL_FILES) {
    const path = join(homedir(), name)
    const lines = (await textOf(path)).split('\n')
    for (const [at, line] of lines.entries()) if (isChosen(line)) found.push(`${path}:${at + 1}`)
  }
  return found
}

/** Returns the lines that load the completion. */
export const completionLines = (): Promise<string[]> =>
  shellLines((line) => /iapeer completion|completions\/iapeer|alias iapeer=/.test(line))

/** Returns the lines that `iapeer install` tells a person to add. */
export const pathLines = (): Promise<string[]> => shellLines((line) => line.trim() === PATH_LINE)
