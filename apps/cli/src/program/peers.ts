import type { Command } from 'commander'

const SAID_OF_IT = [
  ['--runtime <runtime>', 'how it is present: claude, codex, command, ... (default: claude)'],
  ['--description <text>', 'what it does, for the other peers; at most 450 characters'],
  ['--intelligence <nature>', 'natural, artificial or absent (default: by its runtime)'],
] as const

/** The commands about who there is: profiles and the registry. */
export function addPeerCommands(program: Command): void {
  const create = program
    .command('create')
    .argument('<name>', 'lower-case letters, digits and dashes, a letter first')
    .argument('[command...]', 'after --: the program of a peer of the runtime command, and its arguments')
    .option('--home <folder>', 'the folder that holds its .iapeer/ (default: peers/<name> under the root)')
    .option('--cwd <folder>', 'where it runs; several peers may share one (default: its home)')
    .option(
      '--from-pane <socket:pane>',
      'run what that pane of your tmux runs, there: default:%3, PATH:SESSION:WINDOW.PANE',
    )
    .option('--json', 'one JSON object')
    .description('make a peer')
    .action(async (name, command, options) =>
      (await import('../commands/peers/create.ts')).create(name, command, options),
    )
  const init = program
    .command('init')
    .argument('[folder]', 'the folder (default: this one)')
    .option('--name <name>', 'its name (default: what the name of the folder makes)')
    .option('--json', 'one JSON object')
    .description("make a folder a peer's home, or register the peer that lives there")
    .action(async (folder, options) => (await import('../commands/peers/create.ts')).init(folder, options))
  for (const [flags, description] of SAID_OF_IT) {
    create.option(flags, description)
    init.option(flags, description)
  }

  program
    .command('list')
    .option('--json', 'one JSON object a line')
    .option('-w, --watch', 'stay, and show it again whenever something has happened')
    .description('who there is, and what they are doing')
    .action(async (options) => (await import('../commands/peers/list.ts')).list(options))

  program
    .command('show')
    .argument('<peer>', 'its name, or an identity of it (claude-bob)')
    .option('--json', 'one JSON object')
    .description('all that its profile says')
    .action(async (peer, options) => (await import('../commands/peers/show.ts')).show(peer, options))

  program
    .command('rename')
    .argument('<peer>')
    .argument('<name>', 'the new name')
    .option('--json', 'one JSON object')
    .description('give a peer another name; what runs of it goes on, and its home stays where it is')
    .action(async (peer, name, options) =>
      (await import('../commands/peers/rename.ts')).rename(peer, name, options),
    )

  program
    .command('remove')
    .argument('<peer>')
    .option('-f, --force', 'stop it first when it is running')
    .option('--json', 'one JSON object')
    .description('remove a peer that is not running; its home and files stay')
    .action(async (peer, options) => (await import('../commands/peers/rename.ts')).remove(peer, options))

  program
    .command('runtimes')
    .argument(
      '<add|default>',
      'add: it can be present so too; default: it is present so unless asked otherwise',
    )
    .argument('<runtime>')
    .option('--peer <peer>', 'of this peer')
    .option('--all', 'of every peer')
    .option('--json', 'one JSON object a peer')
    .description('change the runtimes of peers')
    .action(async (what, runtime, options) =>
      (await import('../commands/peers/runtimes.ts')).runtimes(what, runtime, options),
    )

  program
    .command('verify')
    .option('--fix', 'make the registry say what the profiles say; rebuild one that is lost or corrupt')
    .option('--json', 'one JSON object a finding')
    .description('whether registry and profiles agree')
    .action(async (options) => (await import('../commands/peers/verify.ts')).verify(options))
}
