import type { Command } from 'commander'

/** The commands about deaths, and about tmux servers that others have started. */
export function addWatchCommands(program: Command): void {
  program
    .command('watch')
    .argument('[socket]', "the server's socket (default: $TMUX, else tmux's own default)")
    .option('--identity <identity>', 'name in the records, <kind>-<name> (default: tmux-<socket name>)')
    .option('--keep', 'remember it: arm it again whenever that server runs and is not watched')
    .option('--json', 'one JSON object')
    .description('watch a running tmux server; nothing on it is changed')
    .action(async (socket, options) => (await import('../commands/watch.ts')).watch(socket, options))

  program
    .command('unwatch')
    .argument('<identity|socket>', 'what to stop watching')
    .option('--json', 'one JSON object')
    .description('end a watch and forget it; a later end of that server is not recorded')
    .action(async (name, options) => (await import('../commands/watch.ts')).unwatch(name, options))

  program
    .command('deaths')
    .option('--identity <identity>', 'only of this identity')
    .option('--since <time>', 'only since then: 90s, 10m, 2h, 3d, or a date (2026-06-10T15:00Z)')
    .option('-f, --follow', 'go on and print new deaths as they come')
    .option('--json', 'one JSON object a line')
    .description('what died, oldest first')
    .action(async (options) => (await import('../commands/deaths.ts')).deaths(options))

  program
    .command('autopsy')
    .argument('<peer|identity|id>', 'a peer or an identity (its last death), or the id of one death')
    .option('--json', 'one JSON object')
    .description('why it died: verdict, confidence and evidence')
    .action(async (name, options) => (await import('../commands/autopsy.ts')).autopsy(name, options))

  program
    .command('demo')
    .option('--keep', 'keep its folder and say where it is')
    .description('start real tmux servers, end them in three ways, and show what was recorded')
    .action(async (options) => (await import('../demo/demo.ts')).demo(options))
}
