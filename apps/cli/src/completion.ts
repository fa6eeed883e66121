import { readFileSync } from 'node:fs'
import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import { printExact } from './output.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

/** Printed in the help: where the script of each shell belongs. `iapeer uninstall` removes it from there. */
const PLACES = `
bash (needs no other package):
  f=~/.local/share/bash-completion/completions/iapeer
  mkdir -p "\${f%/*}" && iapeer completion bash > "$f"
  echo "[ ! -r '$f' ] || . '$f'" >> ~/.bashrc
zsh (in ~/.zshrc, before compinit: fpath=(~/.zfunc $fpath)):
  mkdir -p ~/.zfunc
  iapeer completion zsh > ~/.zfunc/_iapeer
fish:
  mkdir -p ~/.config/fish/completions
  iapeer completion fish > ~/.config/fish/completions/iapeer.fish
Then open a new terminal. To try it in this one:
  eval "$(iapeer completion bash)"`

/** Completes the names of peers for every argument and option that takes one. */
function completePeers(root: ReturnType<typeof tab>, peers: readonly string[]): void {
  const offer = (complete: (value: string, description: string) => void): void => {
    for (const name of peers) complete(name, 'peer')
  }
  for (const command of root.commands.values()) {
    for (const argument of command.arguments.values())
      if (argument.name.split('|')[0] === 'peer') argument.handler = offer
    const option = command.options.get('peer')
    if (option !== undefined) option.handler = offer
  }
}

/**
 * Adds `completion <shell>`, which prints the script of a shell, and the hidden command that such a script calls. Call it last: it
 * reads all other commands.
 * @param peers the names that completion offers
 */
export function addCompletion(program: Command, peers: readonly string[]): void {
  const root = tab(program, { completionCommandName: 'completion' })
  completePeers(root, peers)
  const shells = root.commands.get('completion')?.arguments.get('shell')
  if (shells !== undefined)
    shells.handler = (complete) => {
      for (const shell of SHELLS) complete(shell, '')
    }
  const command = program.commands.find((one) => one.name() === 'completion')
  if (command === undefined) throw new Error('the completion library added no command')
  command.description('print the completion script for your shell').allowExcessArguments(false)
  const [shell] = command.registeredArguments
  if (shell !== undefined) shell.description = 'the shell'
  shell?.choices(SHELLS)
  command.addHelpText('after', PLACES)
  command.action((name: (typeof SHELLS)[number]) => {
    if (name === 'bash')
      printExact(readFileSync(new URL('completion.bash', import.meta.url), 'utf8').trimEnd())
    else root.setup('iapeer', 'iapeer', name)
  })
}
