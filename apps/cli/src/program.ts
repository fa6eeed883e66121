import { Command, Help } from 'commander'
import { commandLineError, noSuchCommand } from './command-errors.ts'
import { ALONE, COMMAND_GROUPS, PARENTS, USAGES } from './commands/command-list.ts'
import type { Usage } from './define-command.ts'
import { print } from './output.ts'
import { version } from './version.ts'
import { reflow, wrap } from './wrap.ts'

/** Printed after the list of commands. */
const EXAMPLES_AND_EXIT_CODES = `
Examples:
  iapeer create bob -- top      create a peer that runs top
  iapeer start bob              start it; iapeer attach bob attaches to it
  iapeer list                   list peers and their state
  iapeer send bob "go on"       send a message to bob
  iapeer watch                  watch the tmux server that you are in
  iapeer deaths --since 2h      list the deaths of the last two hours
  iapeer autopsy tmux-default   explain the last death of that server
  iapeer events -f --peer bob   follow the event log of bob
  iapeer doctor                 check this host for what could kill peers
  iapeer demo                   see a demo on real tmux servers

All files are under $IAPEER_ROOT, by default ~/.iapeer.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 no such peer,
5 daemon unreachable or stalled, 6 message waiting or held, 7 message returned,
8 running but blocked by a dialog, 9 out of time, 130 interrupted.
`

/** The longest usage leaves 30 of 80 columns for the summaries; by default commander does not wrap in so few. */
const MIN_WRAP_COLUMNS = 20
const HELP_COLUMNS = Math.min(80, process.stdout.columns || 80)

/** Formats an argument, an option or a command: its description is beside it, or below it where the terminal is narrow. */
function formatItem(term: string, termWidth: number, description: string, help: Help): string {
  const columns = help.helpWidth ?? HELP_COLUMNS
  if (description === '' || columns - termWidth - 4 >= MIN_WRAP_COLUMNS)
    return Help.prototype.formatItem.call(help, term, termWidth, description, help)
  return [`  ${term}`, ...wrap(description, columns - 6).map((line) => `      ${line}`)].join('\n')
}

/** Adds the command of the first of two words; without a second word it runs what {@link ALONE} has, or prints its help and exits with 2. */
function addParent(program: Command, name: string): Command {
  const parent = program.command(name).description(PARENTS[name] ?? '')
  return parent
    .usage('[options] [command]')
    .allowExcessArguments()
    .action(async (_options, { args: [word] }: Command) => {
      if (word !== undefined) throw noSuchCommand(parent, word)
      const alone = ALONE[name]
      if (alone === undefined) parent.help({ error: true })
      else await (await alone()).default.run({ args: [], options: {} })
    })
}

/** Collects every value of an option; the command decides whether earlier values count. */
const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

/** Returns what a command's exit codes mean, as the last part of its help. */
function exitCodesText(exitCodes: Readonly<Record<string, string>>): string {
  const all = { 0: 'ok', 1: 'failed', 2: 'usage', ...exitCodes }
  const codes = Object.entries(all).map(([code, meaning]) => `${code} ${meaning}`)
  return `\n${wrap(`Exit codes: ${codes.join(', ')}.`, HELP_COLUMNS).join('\n')}`
}

/** Adds a command with its name and summary. */
function addCommand(program: Command, name: string, { summary, hidden, aliases }: Usage): Command {
  const [last = '', first] = name.split(' ').reverse()
  const parent =
    first === undefined
      ? program
      : (program.commands.find((one) => one.name() === first) ?? addParent(program, first))
  const command = parent.command(last, { hidden: hidden === true }).description(summary)
  for (const alias of aliases?.split(' ') ?? []) command.alias(alias)
  return command
}

/** Adds the arguments, the options and the texts of a command. */
function describe(command: Command, usage: Usage): void {
  for (const [label, help] of Object.entries(usage.arguments)) command.argument(label, help)
  for (const [flags, help] of Object.entries(usage.options)) {
    if (flags.endsWith('>')) command.option(flags, help, collect)
    else command.option(flags, help)
  }
  if (usage.details !== undefined) command.addHelpText('after', () => reflow(`\n${usage.details}`))
  const { exitCodes } = usage
  if (exitCodes !== undefined) command.addHelpText('after', () => exitCodesText(exitCodes))
  command.allowExcessArguments(false)
}

/** Words that print the version. */
const VERSION_WORDS: readonly string[] = ['version', '--version', '-v']

/** Whether the first word of a command line calls a command, or its parent. */
const isCalledBy = (word: string, name: string, { aliases }: Usage): boolean =>
  name.split(' ')[0] === word || aliases?.split(' ').includes(word) === true

/** Whether a command line needs one command at most. Help, completion and the error about an unknown word need all commands. */
const needsOne = ([word = '']: readonly string[]): boolean =>
  VERSION_WORDS.includes(word) ||
  Object.entries(USAGES).some(([name, usage]) => isCalledBy(word, name, usage))

/** Adds all commands. The code of a command is loaded when it is called, and its options are added if the command line needs them. */
function addCommands(program: Command, words: readonly string[]): void {
  const [word = ''] = words
  const isOne = needsOne(words)
  for (const [group, commands] of Object.entries(COMMAND_GROUPS)) {
    program.commandsGroup(group)
    for (const [name, load] of Object.entries(commands)) {
      const usage = USAGES[name]
      if (usage === undefined) throw new Error(`usages.json lacks the command ${name}`)
      const command = addCommand(program, name, usage)
      if (!isOne || isCalledBy(word, name, usage)) describe(command, usage)
      command.action(async () =>
        (await load()).default.run({ args: command.processedArgs, options: command.opts() }),
      )
    }
  }
}

/** Adds `help [command...]` and `version`. */
function addHelpAndVersion(program: Command): void {
  program
    .command('help')
    .argument('[command...]', 'the command, for example: daemon start')
    .description('print the help of a command')
    .action((words: readonly string[]) => {
      let at = program
      for (const word of words) {
        const next = at.commands.find((one) => one.name() === word || one.aliases().includes(word))
        if (next === undefined) throw noSuchCommand(at, word)
        at = next
      }
      at.outputHelp()
    })
  program
    .command('version')
    .description('print the version')
    .action(() => print(version()))
}

/** Gives the errors of a command and of those below it the form of all errors. */
function unifyErrors(command: Command, words: readonly string[]): void {
  command.configureOutput({ outputError: () => undefined }).exitOverride((error) => {
    throw error.exitCode === 0 || error.code === 'commander.help'
      ? error
      : commandLineError(command, error, words)
  })
  for (const one of command.commands) unifyErrors(one, words)
}

/**
 * Builds the command line of iapeer.
 * @param peers the names that completion offers; only completion needs them
 * @param words the command line as it was typed: a command that it does not need has no options. @default every command has them
 */
export async function buildProgram(
  peers: readonly string[] = [],
  words: readonly string[] = [],
): Promise<Command> {
  const program = new Command('iapeer')
  program
    .description('Start and supervise agents in tmux, and learn why they died.')
    .version(version(), '-v, --version', 'print the version')
    .helpCommand(false)
    .configureHelp({ minWidthToWrap: MIN_WRAP_COLUMNS, formatItem })
    .addHelpText('after', () => reflow(EXAMPLES_AND_EXIT_CODES))
    .allowExcessArguments()
    .action(async (_options, command: Command) => {
      const [word] = command.args
      if (word !== undefined) throw noSuchCommand(program, word)
      const { printOverview, readOverview } = await import('./commands/host/overview.ts')
      printOverview(await readOverview())
    })

  program.hook('preAction', async (_program, command) => {
    // A shell or an agent reads their output: the deaths are printed for a person, and only once.
    if (command.name() === 'complete' || command.name() === 'mcp') return
    await (await import('./before-command.ts')).beforeCommand(command.parent?.name() !== 'config')
  })
  addCommands(program, words)
  program.commandsGroup('Other:')
  addHelpAndVersion(program)

  if (!needsOne(words)) (await import('./completion.ts')).addCompletion(program, peers)
  unifyErrors(program, words)
  return program
}
