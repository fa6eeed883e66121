/**
 * The settings of every server that is launched for a peer, each with its reason. The user's `<root>/tmux.conf` is loaded after
 * them and can override each of them, except what `loadUserConfig` sets back. `~/.tmux.conf` is not read.
 */
export const MANAGED_SETTINGS: readonly (readonly [
  scope: '-s' | '-g',
  name: string,
  value: string,
  why: string,
])[] = [
  ['-s', 'escape-time', '10', 'Escape reaches an agent at once'],
  ['-s', 'set-clipboard', 'external', 'no program in a pane writes tmux buffers'],
  ['-g', 'history-limit', '20000', 'earlier output stays available'],
  ['-g', 'status-right', '', 'the status line shows only the name'],
  [
    '-g',
    'status-left',
    '#{session_name}  (prefix d detaches) ',
    'the name of the peer, and how to leave without stopping it',
  ],
  ['-g', 'status-left-length', '80', 'the name is not truncated'],
  ['-g', 'window-status-current-format', '', 'a peer has one window, so windows are not listed'],
  ['-g', 'update-environment', '', 'an attaching client does not change the environment of the session'],
  ['-g', 'allow-rename', 'off', 'a program cannot rename its window'],
  ['-g', 'destroy-unattached', 'off', 'the session keeps running when no client is attached'],
  ['-g', 'detach-on-destroy', 'on', 'attached clients return to their shell when the session closes'],
  ['-g', 'default-size', '200x50', 'the size until a client attaches'],
  ['-g', 'bell-action', 'none', 'a bell in a pane does not ring in the client'],
]

/** Returns the settings as tmux commands (argv, separated by `;`). A setting that an older tmux does not know is ignored (`-q`). */
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
