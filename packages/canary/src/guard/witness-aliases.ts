/** Commands that kill a pane, window, session or server: name, short name, shortest unambiguous abbreviation. */
const KILLING = [
  { command: 'kill-server', short: undefined, from: 'kill-ser' },
  { command: 'kill-session', short: undefined, from: 'kill-ses' },
  { command: 'kill-window', short: 'killw', from: 'kill-w' },
  { command: 'kill-pane', short: 'killp', from: 'kill-p' },
  { command: 'unlink-window', short: 'unlinkw', from: 'unl' },
  { command: 'respawn-pane', short: 'respawnp', from: 'respawn-p' },
] as const

/** The index of our first alias in the array option, well beyond tmux's own six. */
const FIRST = 7_000

function namesOf({ command, short, from }: (typeof KILLING)[number]): string[] {
  const names = Array.from({ length: command.length - from.length + 1 }, (_none, at) =>
    command.slice(0, from.length + at),
  )
  return short === undefined ? names : [...names, short]
}

/** Returns the tmux commands (argv, separated by `;`) that run the witness before every command that kills. */
export function witnessCommands(witness: string, statePath: string): string[] {
  // Paths travel in hidden variables: a `#` in a command string would be a format. Panes do not inherit those.
  const args = [
    'set-environment',
    '-gh',
    'IAPEER_WITNESS',
    witness,
    ';',
    'set-environment',
    '-gh',
    'IAPEER_WITNESS_STATE',
    statePath,
  ]
  let index = FIRST
  for (const killing of KILLING) {
    const witnessed = `run-shell "test -r #{q:IAPEER_WITNESS} || exit 0; exec /bin/sh #{q:IAPEER_WITNESS} #{q:IAPEER_WITNESS_STATE} ${killing.command}"`
    for (const name of namesOf(killing)) {
      args.push(
        ';',
        'set-option',
        '-s',
        `command-alias[${index}]`,
        `${name}=${witnessed} ; ${killing.command}`,
      )
      index++
    }
  }
  return args
}
