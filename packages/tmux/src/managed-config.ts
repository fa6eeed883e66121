/**
 * The settings of every server that is launched for a peer; a person's `<root>/tmux.conf` comes after them and may change
 * all of them. Nobody's `~/.tmux.conf` is read.
 */
export const MANAGED_SETTINGS: readonly (readonly [
  scope: '-s' | '-g',
  name: string,
  value: string,
  why: string,
])[] = [
  ['-s', 'escape-time', '10', 'Escape reaches an agent at once'],
  ['-s', 'set-clipboard', 'external', 'no program in a pane writes tmux buffers'],
  ['-g', 'history-limit', '20000', 'what scrolled by can be read again'],
  ['-g', 'status-right', '', 'the line below holds the name alone'],
  [
    '-g',
    'status-left',
    '#{session_name}  (prefix d detaches) ',
    'who this is, and how to leave without ending it',
  ],
  ['-g', 'status-left-length', '80', 'the name is not cut'],
  ['-g', 'window-status-current-format', '', 'one window, so no list of them'],
  ['-g', 'update-environment', '', 'who attaches brings nothing of theirs into the session'],
  ['-g', 'allow-rename', 'off', 'a program cannot rename its window'],
  ['-g', 'destroy-unattached', 'off', 'it lives while nobody looks'],
  ['-g', 'detach-on-destroy', 'on', 'who is attached gets their shell back'],
  ['-g', 'default-size', '200x50', 'the size until somebody attaches'],
  ['-g', 'bell-action', 'none', 'nothing rings on its own'],
]

/** The settings as tmux commands (argv, `;` between them). A setting that an older tmux does not know is passed over (`-q`). */
export function managedCommands(): string[] {
  return MANAGED_SETTINGS.flatMap(([scope, name, value], at) => [
    ...(at === 0 ? [] : [';']),
    'set-option',
    '-q',
    scope,
    name,
    value,
  ])
}
