import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { commandOnPath, type InstalledLauncher, installLauncher, isOnPath, pathAdvice } from './launcher.ts'

/** Prints the result, and what is needed so that a shell finds the launcher. */
export function printInstalled({ state, path, replaced }: InstalledLauncher): void {
  const now = state === 'already' ? 'is already a command' : 'is now a command'
  print(`${paint('green', '●')} ${paint('bold', 'iapeer')} ${now}: ${path}`)
  if (replaced !== undefined) print(`  It started ${replaced} until now.`)
  print('  iapeer uninstall removes it.')
  const first = commandOnPath()
  if (!isOnPath(path)) {
    print('  ~/.local/bin is not on your PATH. Add it, then open a new terminal:')
    print(`    ${pathAdvice()}`)
  } else if (first !== undefined && first !== path)
    print(`  ${first} comes first on your PATH: a shell starts that one.`)
  else print('  ~/.local/bin is on your PATH.')
}

export default defineCommand({
  name: 'install',
  summary: 'make iapeer a command of your shell: write ~/.local/bin/iapeer',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    const installed = await installLauncher()
    if (options.json) printJson({ ...installed, onPath: isOnPath(installed.path) })
    else printInstalled(installed)
  },
})
