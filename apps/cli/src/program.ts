import { readFileSync } from 'node:fs'
import tab from '@bomb.sh/tab/commander'
import { Command } from 'commander'
import { usageError } from './exit-code.ts'

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

/** Help that fits the terms of the exit codes and shows by example. */
const AFTER = `
Examples:
  iapeer watch                  watch the tmux server you are in
  iapeer deaths --since 2h      what died in the last two hours
  iapeer autopsy tmux-default   why it died the last time
  iapeer demo                   see it work in five seconds

Files are kept under $IAPEER_ROOT, else ~/.iapeer.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 no such peer, 5 daemon unreachable, 130 interrupted.
`

/** The commands as data; each one's code is loaded when it is called. */
export function buildProgram(): Command {
  const program = new Command('iapeer')
  program
    .description('Learn why your agents and their tmux servers died.')
    .version(version(), '-V, --version')
    .exitOverride()
    .showHelpAfterError('(iapeer --help shows what there is)')
    .addHelpText('after', AFTER)
    .allowExcessArguments()
    .action(async (_options, command: Command) => {
      const [word] = command.args
      if (word !== undefined)
        throw usageError(`no such command: ${word}`, 'iapeer --help shows what there is.')
      await (await import('./commands/overview.ts')).overview()
    })

  program
    .command('watch')
    .argument('[socket]', "the server's socket (default: $TMUX, else tmux's own default)")
    .option('--identity <identity>', 'name in the records, <kind>-<name> (default: tmux-<socket name>)')
    .option('--keep', 'remember it: arm it again whenever that server runs and is not watched')
    .option('--json', 'one JSON object')
    .description('watch a running tmux server; nothing on it is changed')
    .action(async (socket, options) => (await import('./commands/watch.ts')).watch(socket, options))

  program
    .command('unwatch')
    .argument('<identity|socket>', 'what to stop watching')
    .option('--json', 'one JSON object')
    .description('end a watch and forget it; a later end of that server is not recorded')
    .action(async (name, options) => (await import('./commands/watch.ts')).unwatch(name, options))

  program
    .command('deaths')
    .option('--identity <identity>', 'only of this identity')
    .option('--since <time>', 'only since then: 90s, 10m, 2h, 3d, or a date (2026-06-10T15:00Z)')
    .option('-f, --follow', 'go on and print new deaths as they come')
    .option('--json', 'one JSON object a line')
    .description('what died, oldest first')
    .action(async (options) => (await import('./commands/deaths.ts')).deaths(options))

  program
    .command('autopsy')
    .argument('<identity|id>', 'an identity (its last death) or the id of one death')
    .option('--json', 'one JSON object')
    .description('why it died: verdict, confidence and evidence')
    .action(async (name, options) => (await import('./commands/autopsy.ts')).autopsy(name, options))

  program
    .command('demo')
    .option('--keep', 'keep its folder and say where it is')
    .description('start real tmux servers, end them in three ways, and show what was recorded')
    .action(async (options) => (await import('./demo/demo.ts')).demo(options))

  tab(program, { completionCommandName: 'completion' })
  for (const command of program.commands)
    command.exitOverride().allowExcessArguments(command.name() === 'complete')
  return program
}
