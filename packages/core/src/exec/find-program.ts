import { access, constants, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'

/** Tests whether a path is an executable file. */
export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Returns the paths at which execvp(3) would look for a program. */
function candidatesOf(program: string, path: string, cwd: string): string[] {
  if (program.includes('/')) return [resolve(cwd, program)]
  return path
    .split(delimiter)
    .map((directory) => join(isAbsolute(directory) ? directory : resolve(cwd, directory), program))
}

/** Finds the file of a program as execvp(3) does; undefined if no file is executable. */
export async function findProgram(program: string, path: string, cwd: string): Promise<string | undefined> {
  for (const candidate of candidatesOf(program, path, cwd)) if (await isProgram(candidate)) return candidate
  return undefined
}

/**
 * Checks that a program can be run, before anything is started for it. It is searched for as execvp(3) does.
 * @throws IapeerError `command-not-found`
 */
export async function checkProgram(program: string, path: string, cwd: string): Promise<void> {
  if ((await findProgram(program, path, cwd)) !== undefined) return
  throw new IapeerError(`program not found: ${program}`, {
    code: 'command-not-found',
    hint: program.includes('/')
      ? `Expected an executable file: ${resolve(cwd, program)}.`
      : `Install it, or add its directory to PATH. Looked in ${path}.`,
  })
}
