import type { Command } from 'commander'

/** Each is a command too: the peer of the current folder, as that runtime. */
const RUNTIME_VERBS = ['claude', 'codex', 'command', 'notifier', 'telegram'] as const

const NO_DAEMON = 'do not start the daemon too, where none runs'

/** The commands about peers that run. */
export function addSessionCommands(program: Command): void {
  program
    .command('start')
    .argument('[peer]', 'its name, or an identity of it (command-bob)')
    .option('--all', 'every peer that sleeps; what was stopped stays so')
    .option('--runtime <runtime>', 'as which runtime (default: its default one)')
    .option('--timeout <seconds>', 'how long to wait until it is ready (default: 60)')
    .option('--no-daemon', NO_DAEMON)
    .option('--json', 'one JSON object')
    .description(
      'start a peer; harmless when it runs. One that shows a dialog only you can answer stays up (exit code 8)',
    )
    .action(async (peer, options) => {
      const { start, startAll } = await import('../commands/sessions/start.ts')
      const one = (name: string): Promise<void> => start(name, options)
      const all = (): Promise<void> => startAll(options)
      await (await import('../commands/sessions/every-peer.ts')).oneOrAll(peer, options.all, { one, all })
    })

  program
    .command('run')
    .argument('<peer>')
    .argument('[runtime]', 'as which runtime (default: its default one)')
    .description(
      'for a service manager: bring a peer up and stay until it ends (exit code 1), or until TERM or INT takes it down (0)',
    )
    .action(async (peer, runtime) => (await import('../commands/sessions/run.ts')).run(peer, runtime))

  program
    .command('stop')
    .argument('[peer]')
    .option('--all', 'every peer that runs or is about to, and what ended ones have left')
    .option('--timeout <seconds>', 'how long its program may take to end; then it is killed (default: 3)')
    .option('--force', 'also where another tmux server has taken its socket')
    .option('--json', 'one JSON object a session')
    .description('take a peer down, in silence; it stays down until it is started')
    .action(async (peer, options) => {
      const { stop, stopAll } = await import('../commands/sessions/stop.ts')
      const one = (name: string): Promise<void> => stop(name, options)
      const all = (): Promise<void> => stopAll(options)
      await (await import('../commands/sessions/every-peer.ts')).oneOrAll(peer, options.all, { one, all })
    })

  program
    .command('refresh')
    .argument('<peer>')
    .option('--timeout <seconds>', 'how long its program may take to end; then it is killed (default: 3)')
    .option('--json', 'one JSON object')
    .description('take what runs of a peer down and bring it up again, where it was if it can')
    .action(async (peer, options) =>
      (await import('../commands/sessions/every-peer.ts')).refresh(peer, options),
    )

  program
    .command('reset')
    .argument('<peer>')
    .option('--json', 'one JSON object')
    .description('forget the crashes of a peer, so that it may be started again')
    .action(async (peer, options) =>
      (await import('../commands/sessions/every-peer.ts')).reset(peer, options),
    )

  program
    .command('new')
    .argument('<peer>')
    .option('--timeout <seconds>', 'how long its program may take to end; then it is killed (default: 3)')
    .option('--no-daemon', NO_DAEMON)
    .option('--json', 'one JSON object')
    .description('take a peer down and bring it up afresh')
    .action(async (peer, options) => (await import('../commands/sessions/start.ts')).renew(peer, options))

  program
    .command('attach')
    .argument('<peer>')
    .option('-r, --read-only', 'look, and touch nothing')
    .description('sit down at the terminal of a peer; leaving (prefix d) never ends it')
    .action(async (peer, options) => (await import('../commands/sessions/attach.ts')).attach(peer, options))

  program
    .command('logs')
    .argument('<peer>')
    .option('-f, --follow', 'go on and print what comes')
    .description('what the terminal of a peer has shown')
    .action(async (peer, options) => (await import('../commands/sessions/logs.ts')).logs(peer, options))

  for (const runtime of RUNTIME_VERBS)
    program
      .command(runtime, { hidden: runtime !== 'claude' && runtime !== 'codex' })
      .option('--timeout <seconds>', 'how long what runs may take to end; then it is killed (default: 3)')
      .option('--no-daemon', NO_DAEMON)
      .option('--json', 'one JSON object')
      .description(`bring the peer of this folder up afresh, as ${runtime}`)
      .action(async (options) => (await import('../commands/sessions/start.ts')).startHere(runtime, options))

  program
    .command('send-keys')
    .argument('<peer>')
    .argument('<keys...>', "tmux's names (Enter, C-c, Down) or text")
    .description('press keys in the terminal of a peer')
    .action(async (peer, keys) => (await import('../commands/sessions/send-keys.ts')).sendKeys(peer, keys))
}
