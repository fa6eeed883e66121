import { access, constants, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

/**
 * Sees that a program can be run before anything is started for it, as execvp(3) would look for it.
 * @throws IapeerError `command-not-found`
 */
export async function checkProgram(program: string, path: string, cwd: string): Promise<void> {
  const candidates = program.includes('/')
    ? [resolve(cwd, program)]
    : path.split(delimiter).map((folder) => join(isAbsolute(folder) ? folder : resolve(cwd, folder), program))
  for (const candidate of candidates) if (await isProgram(candidate)) return
  throw new IapeerError(`there is no program ${program}`, {
    code: 'command-not-found',
    hint: program.includes('/')
      ? `Looked for ${candidates[0]}.`
      : `Looked in ${path}; launch.env can set PATH.`,
  })
}
