import { entries } from './entry.ts'

/** Command lines, values and settings. */
export const INPUT_ERRORS = entries({
  usage: {
    kind: 'usage',
    summary: 'The command line cannot be understood.',
    hint: '`iapeer <command> --help` lists the arguments and options.',
  },
  'invalid-options': {
    kind: 'usage',
    summary: 'A value that was passed to a command or to a function is invalid; the message names it.',
  },
  'invalid-personality': {
    kind: 'usage',
    summary: "The text is not a peer's name.",
    hint: 'Use a lower-case letter, then up to 31 lower-case letters, digits or dashes.',
  },
  'invalid-runtime': {
    kind: 'usage',
    summary: 'The text is not the name of a runtime.',
    hint: 'Use a lower-case letter, then up to 31 lower-case letters or digits.',
  },
  'invalid-identity': {
    kind: 'usage',
    summary: 'The text is not an identity.',
    hint: 'Use `<runtime>-<name>`, for example `claude-bob`.',
  },
  'unusable-name': {
    kind: 'usage',
    summary: "No peer's name can be derived from this name.",
    hint: 'Pass a name for the peer.',
  },
  'unusable-home': {
    kind: 'usage',
    summary: "The path cannot be a peer's home: it is not a directory, or iapeer keeps its own files there.",
    hint: 'Choose another directory.',
  },
  'invalid-path': {
    kind: 'usage',
    summary: 'The path is empty, has control characters, or cannot be written where it is needed.',
    hint: 'Use an absolute path without control characters.',
  },
  'invalid-pane': {
    kind: 'usage',
    summary: 'The text does not name a tmux socket and a pane.',
    hint: 'Use `<socket>:<pane>`, for example `default:%3`.',
  },
  'ambiguous-pane': {
    kind: 'usage',
    summary: 'The text names more than one pane.',
    hint: 'Name the pane by its id.',
  },
  'bad-cursor': {
    kind: 'usage',
    summary: 'The text is not a position in the event log.',
    hint: 'Pass the cursor of the last event unchanged, or start without a cursor.',
  },
  'invalid-envelope': {
    kind: 'usage',
    summary: 'The message cannot be written as an envelope, the XML form of a message between peers.',
    hint: 'Put a long text into a file and attach it.',
  },
  'no-such-channel': {
    kind: 'usage',
    summary: 'No channel of notifications has this name, or none is set up.',
    hint: '`iapeer notify list` lists the channels and says how to set one up.',
  },
  'bad-setting': {
    kind: 'configuration',
    summary: 'A setting has an invalid value, in the environment or in config.toml.',
    hint: 'See docs/environment.md for every variable and its values.',
  },
  'unknown-setting': {
    kind: 'usage',
    summary: 'No setting has this key.',
    hint: '`iapeer config list` lists the settings.',
  },
  'corrupt-config': {
    kind: 'configuration',
    summary: 'The file config.toml is not TOML; the message has the line.',
    hint: 'Correct that line; iapeer changed nothing in the file.',
  },
  'config-not-edited': {
    kind: 'configuration',
    summary: 'iapeer cannot change this setting in config.toml without changing other lines.',
    hint: 'Edit config.toml.',
  },
  'socket-path-too-long': {
    kind: 'configuration',
    summary: 'The path of a socket is longer than this system allows.',
    hint: 'Set IAPEER_SOCK_DIR to a private directory with a shorter path.',
  },
})
