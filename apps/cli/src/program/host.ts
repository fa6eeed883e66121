import type { Command } from 'commander'

/** The commands about this host: what runs the daemon, and what could end peers unseen. */
export function addHostCommands(program: Command): void {
  const service = program
    .command('service')
    .description('have the service manager of this user run the daemon (systemd, launchd)')
  service
    .command('install')
    .option('--print', 'show what would be written, and write nothing')
    .option('--json', 'one JSON object')
    .allowExcessArguments(false)
    .description('run the daemon now and at every start; harmless to repeat')
    .action(async (options) => (await import('../commands/host/service.ts')).install(options))
  service
    .command('uninstall')
    .option('--json', 'one JSON object')
    .allowExcessArguments(false)
    .description('end the daemon and remove its service; peers go on')
    .action(async (options) => (await import('../commands/host/service.ts')).uninstall(options))
  service
    .command('status')
    .option('--json', 'one JSON object')
    .allowExcessArguments(false)
    .description('whether it is installed and runs (exit code 3: it does not)')
    .action(async (options) => (await import('../commands/host/service.ts')).status(options))

  program
    .command('doctor')
    .option('--fix', 'close to others what is ours, sweep leftovers, record what died; says what it did')
    .option('--json', 'one JSON object a finding')
    .description('what on this host could end peers unseen (exit code 1: there is something)')
    .action(async (options) => (await import('../commands/host/doctor.ts')).doctor(options))
}
