import type { Command } from 'commander'

/** One kind after another, or several with commas. */
const collect = (text: string, before: readonly string[] = []): string[] => [...before, ...text.split(',')]

/** The command about what was decided: the event log. */
export function addEventCommands(program: Command): void {
  program
    .command('events')
    .option('-f, --follow', 'go on and print new ones as they come')
    .option('-n, --number <count>', 'at most so many of the past, the newest (default: 50)')
    .option('--since <time>', 'only since then: 90s, 10m, 2h, 3d, or a date (2026-06-10T15:00Z)')
    .option('--peer <name>', 'only of this peer, or of one identity of it (claude-bob)')
    .option('--ev <kind>', 'only of this kind (launch, stop, death, ...); several with commas', collect)
    .option('--json', 'one JSON object a line')
    .description('what was decided about the peers, and why, oldest first')
    .action(async (options) => (await import('../commands/events/events.ts')).events(options))
}
