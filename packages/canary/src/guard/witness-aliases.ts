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

/**
 * Returns the aliases that run the witness before every command that kills, each as an element of the option `command-alias` and
 * its value. They are the same for every server: the paths travel in hidden variables.
 */
function witnessAliases(): (readonly [option: string, value: string])[] {
  // A `#` in a command string would be a format. Panes do not inherit hidden variables.
  return KILLING.flatMap((killing) => {
    const witnessed = `run-shell "test -r #{q:IAPEER_WITNESS} || exit 0; exec /bin/sh #{q:IAPEER_WITNESS} #{q:IAPEER_WITNESS_STATE} ${killing.command}"`
    return namesOf(killing).map((name) => `${name}=${witnessed} ; ${killing.command}`)
  }).map((value, at) => [`command-alias[${FIRST + at}]`, value] as const)
}

/** Returns the tmux commands (argv, separated by `;`) that set the aliases of the witness. */
export const witnessAliasCommands = (): string[] =>
  witnessAliases().flatMap(([option, value], at) => [
    ...(at === 0 ? [] : [';']),
    ...['set-option', '-s', option, value],
  ])

/** Returns the tmux commands (argv, separated by `;`) that run the witness before every command that kills. */
export function witnessCommands(witness: string, statePath: string): string[] {
  const variables = { IAPEER_WITNESS: witness, IAPEER_WITNESS_STATE: statePath }
  return [
    ...Object.entries(variables).flatMap(([name, value]) => ['set-environment', '-gh', name, value, ';']),
    ...witnessAliasCommands(),
  ]
}
