import { realpathSync } from 'node:fs'
import { isIapeerError } from '@iapeer/core/errors'
import { canAsk, confirm } from '../../ask.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT, explain } from '../../exit-code.ts'
import { print } from '../../output.ts'
import { table } from '../../table.ts'
import { printInstalled } from './install.ts'
import {
  commandOnPath,
  inspectLauncher,
  installLauncher,
  isOnPath,
  launcherPath,
  MAIN,
  shellQuoted,
} from './launcher.ts'

const NEXT = [
  ['create bob -- top', 'create a peer: a name, a home directory, a program'],
  ['start bob', 'start it in a tmux server of its own, and start the daemon'],
  ['attach bob', 'attach to its terminal; detach with prefix d (C-b d)'],
] as const

/** Installs the launcher. @returns whether it is there; an error is printed, because everything else is done */
async function install(): Promise<boolean> {
  try {
    printInstalled(await installLauncher())
    return true
  } catch (error) {
    if (!isIapeerError(error)) throw error
    process.stderr.write(explain(error))
    process.exitCode = EXIT.failed
    return false
  }
}

/** Returns how a person starts this program now: `iapeer`, the path of the launcher, or the program itself. */
function programName(isInstalled: boolean): string {
  const first = commandOnPath()
  if (first !== undefined && [launcherPath(), MAIN].includes(realpathSync(first))) return 'iapeer'
  if (!isInstalled) return `node ${shellQuoted(MAIN)}`
  return isOnPath(launcherPath()) ? 'iapeer' : shellQuoted(launcherPath())
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
