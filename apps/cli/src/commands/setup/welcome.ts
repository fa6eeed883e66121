import { realpathSync } from 'node:fs'
import { relative } from 'node:path'
import { isIapeerError } from '@iapeer/core/errors'
import { canAsk, confirm } from '../../ask.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT, explain } from '../../exit-code.ts'
import { print } from '../../output.ts'
import { table } from '../../table.ts'
import { installAndPrint } from './install.ts'
import { commandOnPath, inspectLauncher, launcherPath, MAIN, shellQuoted } from './launcher.ts'

const NEXT = [
  ['create bob -- top', 'create a peer that runs top'],
  ['start bob', 'start it, and the daemon'],
  ['attach bob', 'attach to it; detach with prefix d (C-b d)'],
] as const

/** Installs the launcher. @returns whether it is there; an error is printed, because everything else is done */
async function install(): Promise<boolean> {
  try {
    await installAndPrint()
    return true
  } catch (error) {
    if (!isIapeerError(error)) throw error
    process.stderr.write(explain(error))
    process.exitCode = EXIT.failed
    return false
  }
}

/** Returns how a person starts this program in the directory of `npm start`: `iapeer`, or the program itself. */
function programName(isInstalled: boolean): string {
  const first = commandOnPath()
  if (isInstalled || (first !== undefined && realpathSync(first) === realpathSync(MAIN))) return 'iapeer'
  const path = relative(process.env['INIT_CWD'] ?? process.cwd(), MAIN)
  return `node ${shellQuoted(path.startsWith('..') ? MAIN : path)}`
}

/** The end of `npm start`. Asks before it installs the launcher, and only on a terminal. */
export default defineCommand({
  name: 'welcome',
  hidden: true,
  summary: 'print the first commands, and offer to make iapeer a command of your shell',
  options: { install: { help: 'make it a command without asking' } },
  run: async ({ options }) => {
    print('')
    const before = await inspectLauncher(launcherPath())
    let isInstalled = before.state === 'ours'
    const question = 'Make iapeer a command of your shell, by a file in ~/.local/bin?'
    const isWanted = options.install || (before.state === 'none' && canAsk() && (await confirm(question)))
    if (isWanted) isInstalled = await install()
    const program = programName(isInstalled)
    print(`${isWanted ? '\n' : ''}Next:`)
    print(table(NEXT.map(([words, what]) => [`  ${program} ${words}`, what])))
    if (!isInstalled && !isWanted && program !== 'iapeer')
      print('\nTo type iapeer instead: npm start -- --install')
  },
})
