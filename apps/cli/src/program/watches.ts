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
    .action(async (socket, options) => (await import('../commands/watches/watch.ts')).watch(socket, options))

  program
    .command('unwatch')
    .argument('<identity|socket>', 'what to stop watching')
    .option('--json', 'one JSON object')
    .description('end a watch and forget it; a later end of that server is not recorded')
    .action(async (name, options) => (await import('../commands/watches/watch.ts')).unwatch(name, options))

  program
    .command('deaths')
    .option('--peer <peer>', 'only of this peer')
    .option('--identity <identity>', 'only of this identity')
    .option('--verdict <verdict>', 'only with this verdict (cgroup-oom, crashed, ...)')
    .option('--since <time>', 'only since then: 90s, 10m, 2h, 3d, or a date (2026-06-10T15:00Z)')
    .option('-f, --follow', 'go on and print new deaths as they come')
    .option('--summary', 'counts: of what, who and when')
    .option('--json', 'one JSON object a line')
    .description('what died and of what, oldest first')
    .action(async (options) => (await import('../commands/deaths/deaths.ts')).deaths(options))

  program
    .command('autopsy')
    .argument('<peer|identity|id>', 'a peer or an identity (its last death), or the id of one death')
    .option('--json', 'one JSON object')
    .option('--markdown', 'to paste into an issue, without what was on its screen')
    .option('--with-screen', 'with --markdown: its last screen too; it can hold anything')
    .option('--raw', 'the files as they are')
    .description('why it died: verdict, evidence, who did it, what to do')
    .action(async (name, options) => (await import('../commands/deaths/autopsy.ts')).autopsy(name, options))

  program
    .command('demo')
    .option('--keep', 'keep its folder and say where it is')
    .description('start real tmux servers, end them in three ways, and show what was recorded')
    .action(async (options) => (await import('../commands/demo/demo.ts')).demo(options))
}
