import type { Command } from 'commander'

/** The commands about the daemon. */
export function addDaemonCommands(program: Command): void {
  program
    .command('status')
    .description('the daemon, and what is recorded of this host')
    .action(async () => {
      await (await import('../commands/daemon/daemon.ts')).status({})
      process.exitCode = 0
      await (await import('../commands/host/overview.ts')).overview()
    })

  const daemon = program
    .command('daemon')
    .description('the process that keeps the peers of this host')
    .action((_options, command: Command) => command.help({ error: true }))

  daemon
    .command('start')
    .option('--json', 'one JSON object')
    .description('start it in the background; harmless when it runs')
    .action(async (options) => (await import('../commands/daemon/daemon.ts')).start(options))

  daemon
    .command('stop')
    .option('--json', 'one JSON object')
    .description('end it; every peer lives on')
    .action(async (options) => (await import('../commands/daemon/daemon.ts')).stop(options))

  daemon
    .command('status')
    .option('--json', 'one JSON object')
    .description('whether it runs (exit code 3 when it does not)')
    .action(async (options) => (await import('../commands/daemon/daemon.ts')).status(options))

  daemon
    .command('logs')
    .option('-f, --follow', 'go on and print what comes')
    .option('--json', 'as it is written, one JSON object a line')
    .description('what it has logged')
    .action(async (options) => (await import('../commands/daemon/daemon-logs.ts')).logs(options))

  for (const command of daemon.commands) command.exitOverride().allowExcessArguments(false)
}
