import { homedir } from 'node:os'
import { join } from 'node:path'
import { errnoOf, isIapeerError } from '@iapeer/core/errors'
import { readRegularFile } from '@iapeer/core/storage'
import { PATH_LINE } from './launcher.ts'

/** Returns the text of a file; an empty text if this user cannot read it, or if it is not a regular file. */
export async function readableText(path: string): Promise<string> {
  try {
    return (await readRegularFile(path))?.text ?? ''
  } catch (error) {
    if (errnoOf(error) === 'EACCES' || (isIapeerError(error) && error.code === 'unusable-file')) return ''
    throw error
  }
}

const SHELL_FILES = ['.bashrc', '.bash_profile', '.profile', '.zshrc', join('.config', 'fish', 'config.fish')]

/** Returns the chosen lines of the person's shell files: `<path>:<line>`. iapeer does not edit these files. */
async function shellLines(isChosen: (line: string) => boolean): Promise<string[]> {
  const found: string[] = []
  for (const name of SHELL_FILES) {
    const path = join(homedir(), name)
    const lines = (await readableText(path)).split('\n')
    for (const [at, line] of lines.entries()) if (isChosen(line)) found.push(`${path}:${at + 1}`)
  }
  return found
}

/** Returns the lines that load the completion. */
export const completionLines = (): Promise<string[]> =>
  shellLines((line) => /iapeer completion|completions\/iapeer|alias iapeer=/.test(line))

/** Returns the lines that `iapeer install` tells a person to add. */
export const pathLines = (): Promise<string[]> => shellLines((line) => line.trim() === PATH_LINE)
