import { defineCommand } from '../../define-command.ts'
import { paint, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { commandOnPath, type InstalledLauncher, installLauncher, isOnPath, pathAdvice } from './launcher.ts'
import { linkManPages } from './man-pages.ts'

/** Prints the result, and what is needed so that a shell finds the launcher. */
function printInstalled({ state, path, replaced }: InstalledLauncher): void {
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

/** Makes iapeer a command with its man pages, and prints the result. */
export async function installAndPrint(): Promise<void> {
  printInstalled(await installLauncher())
  const manDirectory = await linkManPages()
  if (manDirectory !== undefined) print(`  Its man pages are linked in ${manDirectory}: man iapeer`)
}

export default defineCommand({
  name: 'install',
  summary: 'make iapeer a command of your shell: write ~/.local/bin/iapeer, and link its man pages',
  options: { json: JSON_OUTPUT },
  run: async ({ options }) => {
    if (!options.json) return installAndPrint()
    const installed = await installLauncher()
    await linkManPages()
    printJson({ ...installed, onPath: isOnPath(installed.path) })
  },
})
