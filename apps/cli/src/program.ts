import tab from '@bomb.sh/tab/commander'
import { Command } from 'commander'
import { COMMAND_GROUPS, PARENTS, USAGES } from './commands/command-list.ts'
import type { Usage } from './define-command.ts'
import { usageError } from './exit-code.ts'
import { version } from './version.ts'

/** Help that fits the terms of the exit codes and shows by example. */
const AFTER = `
Examples:
  iapeer create bob -- top      make a peer that runs top
  iapeer start bob              bring it up; iapeer attach bob sits down at it
  iapeer list                   who there is, and who runs
  iapeer watch                  watch the tmux server you are in
  iapeer deaths --since 2h      what died in the last two hours
  iapeer autopsy tmux-default   why it died the last time
  iapeer events -f --peer bob   what is decided about bob, as it comes
  iapeer doctor                 what on this host could end peers unseen
  iapeer demo                   see it work in five seconds

Files are kept under $IAPEER_ROOT, else ~/.iapeer.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 no such peer,
5 daemon unreachable or stalled, 8 up but blocked by a dialog, 130 interrupted.
`

/** Beside its longest usage the root's help has 30 columns left in a terminal of 80; commander would not wrap there. */
const LEAST_COLUMNS = 20

/** Wherever a peer is asked for, its name is offered. */
function completePeers(root: ReturnType<typeof tab>, peers: readonly string[]): void {
  const offer = (complete: (value: string, description: string) => void): void => {
    for (const name of peers) complete(name, 'peer')
  }
  for (const command of root.commands.values()) {
    for (const argument of command.arguments.values()) if (argument.name === 'peer') argument.handler = offer
    const option = command.options.get('peer')
    if (option !== undefined) option.handler = offer
  }
}

/** Adds the command of the first of two words; alone it prints its help, and is a wrong usage. */
const addParent = (program: Command, name: string): Command =>
  program.command(name).description(PARENTS[name] ?? '')

/** An option may be given several times; its command decides what the earlier ones mean. */
const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

function addCommand(program: Command, name: string, { summary, hidden, ...usage }: Usage): Command {
  const [last = '', first] = name.split(' ').reverse()
  const parent =
    first === undefined
      ? program
      : (program.commands.find((one) => one.name() === first) ?? addParent(program, first))
  const command = parent.command(last, { hidden: hidden === true }).description(summary)
  for (const [label, help] of Object.entries(usage.arguments)) command.argument(label, help)
  for (const [flags, help] of Object.entries(usage.options)) {
    if (flags.endsWith('>')) command.option(flags, help, collect)
    else command.option(flags, help)
  }
  return command.allowExcessArguments(false)
}

/** Each command's code is loaded when it is called. */
function addCommands(program: Command): void {
  for (const [group, commands] of Object.entries(COMMAND_GROUPS)) {
    program.commandsGroup(group)
    for (const [name, load] of Object.entries(commands)) {
      const usage = USAGES[name]
      if (usage === undefined) throw new Error(`usages.json lacks the command ${name}`)
      const command = addCommand(program, name, usage)
      command.action(async () =>
        (await load()).default.run({ args: command.processedArgs, options: command.opts() }),
      )
    }
  }
}

/**
 * The commands as data; each one's code is loaded when it is called.
 * @param peers names for completion; only that needs them
 */
export function buildProgram(peers: readonly string[] = []): Command {
  const program = new Command('iapeer')
  program
    .description('Learn why your agents and their tmux servers died.')
    .version(version(), '-V, --version')
    .exitOverride()
    .configureHelp({ minWidthToWrap: LEAST_COLUMNS })
    .showHelpAfterError('(iapeer --help shows what there is)')
    .addHelpText('after', AFTER)
    .allowExcessArguments()
    .action(async (_options, command: Command) => {
      const [word] = command.args
      if (word !== undefined)
        throw usageError(`no such command: ${word}`, 'iapeer --help shows what there is.')
      await (await import('./commands/host/overview.ts')).overview()
    })

  program.hook('preAction', async (_program, command) => {
    if (command.name() !== 'complete')
      await (await import('./commands/deaths/death-reminder.ts')).printNewDeaths()
  })
  addCommands(program)
  program.commandsGroup('Other:')

  completePeers(tab(program, { completionCommandName: 'completion' }), peers)
  for (const command of program.commands)
    command.exitOverride().allowExcessArguments(command.name() === 'complete')
  return program
}
