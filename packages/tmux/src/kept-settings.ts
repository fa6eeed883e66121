/** A setting that keeps a peer running or its death recorded, and that is set back when a configuration changes it. */
interface KeptSetting {
  readonly name: string
  /** A format that is true if the setting was changed. */
  readonly isChanged: string
  /** The tmux command that sets it back. */
  readonly restore: string
}

/** A flag is `0` or `1` in a format; from tmux 3.4 destroy-unattached is a choice, whose value is a word. */
const DESTROYS = '#{!=:#{destroy-unattached},off},#{!=:#{destroy-unattached},0}'

const KEPT: readonly KeptSetting[] = [
  {
    name: 'exit-unattached',
    isChanged: '#{exit-unattached}',
    restore: 'set-option -s exit-unattached off',
  },
  {
    name: 'exit-empty',
    isChanged: '#{?exit-empty,0,1}',
    restore: 'set-option -s exit-empty on',
  },
  {
    name: 'destroy-unattached',
    isChanged: `#{&&:#{==:#{session_id},$0},#{&&:${DESTROYS}}}`,
    restore: 'set-option destroy-unattached off',
  },
]

/** The variable of a server that notes that a setting was set back. */
const NOTE = 'IAPEER_SET_BACK_'
const noteOf = ({ name }: KeptSetting): string => `${NOTE}${name.replace('-', '_')}`

/** The index of our first command in the array of the hook, beyond those of a user. */
const FIRST = 7_000

/**
 * Returns the tmux commands (argv, separated by `;`) that set the hook which sets the kept settings back right after each command
 * that changes an option. Later would be too late: a plugin that runs tmux lets the server see that no client is attached.
 */
function keepCommands(): string[] {
  return KEPT.flatMap((setting, at) => {
    const act = `set-environment -gh ${noteOf(setting)} 1 ; ${setting.restore}`
    const hook = `if-shell -F '${setting.isChanged}' "${act}"`
    return [...(at === 0 ? [] : [';']), 'set-hook', '-g', `after-set-option[${FIRST + at}]`, hook]
  })
}

/** Returns the tmux commands that set the kept settings of a server and of the session of its leader. */
export const restoreCommands = (session: string): string[] => [
  ...['set-option', '-s', 'exit-unattached', 'off', ';'],
  ...['set-option', '-s', 'exit-empty', 'on', ';'],
  ...['set-option', '-t', session, 'destroy-unattached', 'off', ';'],
  ...keepCommands(),
]

/** Returns the names of the kept settings that were set back, from the output of `show-environment -gh`. */
export const setBackSettings = (environment: string): string[] =>
  KEPT.filter((setting) => environment.split('\n').includes(`${noteOf(setting)}=1`)).map(({ name }) => name)
