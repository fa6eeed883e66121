import { access, constants, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '../errors/index.ts'

/** Whether a file can be run. */
export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/** Where execvp(3) would look for a program. */
function candidatesOf(program: string, path: string, cwd: string): string[] {
  if (program.includes('/')) return [resolve(cwd, program)]
  return path
    .split(delimiter)
    .map((directory) => join(isAbsolute(directory) ? directory : resolve(cwd, directory), program))
}

/** The file that a program's name means; undefined where there is none that can be run. */
export async function findProgram(program: string, path: string, cwd: string): Promise<string | undefined> {
  for (const candidate of candidatesOf(program, path, cwd)) if (await isProgram(candidate)) return candidate
  return undefined
}

/**
 * Sees that a program can be run before anything is started for it, as execvp(3) would look for it.
 * @throws IapeerError `command-not-found`
 */
export async function checkProgram(program: string, path: string, cwd: string): Promise<void> {
  if ((await findProgram(program, path, cwd)) !== undefined) return
  throw new IapeerError(`there is no program ${program}`, {
    code: 'command-not-found',
    hint: program.includes('/')
      ? `Looked for ${resolve(cwd, program)}.`
      : `Install it, or set PATH in <home>/.iapeer/runtimes/<runtime>/launch.env. Looked in ${path}.`,
  })
}
