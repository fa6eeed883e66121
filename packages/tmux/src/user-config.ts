import { witnessAliasCommands } from '@iapeer/canary'
import { literalArgument } from './argument.ts'
import { paneCommands } from './exit-hook.ts'
import { restoreCommands, setBackSettings } from './kept-settings.ts'
import type { TmuxServer } from './tmux-server.ts'

/** The session of a peer, whose settings a configuration must not change. */
interface ConfiguredPeer {
  readonly sessionId: string
  readonly paneId: string
  /** Whether the exit of its leader is recorded by the exit hook. */
  readonly isRecorded: boolean
}

/** What a configuration contained that a peer cannot run with. Each was set back. */
export type SetBack =
  | 'exit-unattached'
  | 'exit-empty'
  | 'destroy-unattached'
  | 'remain-on-exit'
  | 'pane-died'
  | 'command-alias'
  | 'new-session'
  | 'pane-mode'

/** What each would have done to the peer. */
export const SET_BACK_REASONS = {
  'exit-unattached': 'its tmux server would exit when no client is attached',
  'exit-empty': 'its tmux server would keep running after the peer has exited',
  'destroy-unattached': 'its session would be closed when no client is attached',
  'remain-on-exit': 'the exit of its program would not be recorded',
  'pane-died': 'the exit of its program would not be recorded',
  'command-alias': 'the aliases record which process kills the server',
  'new-session': 'its tmux server would keep running for the other session after the peer has exited',
  'pane-mode':
    'the output of a command, or copy mode, covered the pane and would have taken the keys for its program',
} as const satisfies Record<SetBack, string>

const isSetBack = (name: string): name is SetBack => Object.hasOwn(SET_BACK_REASONS, name)

/** The result of loading a user's own configuration. */
export interface LoadedConfig {
  /** What tmux printed, for example errors; one for each line. */
  readonly messages: readonly string[]
  /** What was set back. */
  readonly setBack: readonly SetBack[]
  /** Whether the session still runs. If not, its program has exited, or the configuration stopped it. */
  readonly isRunning: boolean
}

/** Separates the answers of the commands of one call. No option or hook has such a line. */
const MARK = 'iapeer state: '

/** Asks for one state: a heading, then what tmux prints for `command`. */
const question = (name: string, command: readonly string[]): string[] => [
  ...['display-message', '-p', `${MARK}${name}`, ';'],
  ...command,
  ';',
]

function stateQuestions({ paneId, isRecorded }: ConfiguredPeer): string[] {
  return [
    ...question('command-alias', ['show-options', '-sq', 'command-alias']),
    ...question('pane-mode', ['display-message', '-p', '-t', paneId, '#{pane_in_mode}']),
    ...(isRecorded
      ? [
          ...question('remain-on-exit', ['show-options', '-pqv', '-t', paneId, 'remain-on-exit']),
          ...question('pane-died', ['show-hooks', '-p', '-t', paneId]),
        ]
      : []),
  ]
}

/** Splits an output at its headings: the answers, in the order of the questions. */
function answersOf(output: string): { readonly name: string; readonly text: string }[] {
  const parts = output.split(`${MARK}`).slice(1)
  return parts.map((part) => {
    const [name = '', ...lines] = part.split('\n')
    return { name, text: lines.join('\n').trimEnd() }
  })
}

/** Returns the names whose first answer differs from their last one. */
function changedNames(answers: ReturnType<typeof answersOf>): string[] {
  const last = new Map(answers.map(({ name, text }) => [name, text]))
  return [...new Set(answers.filter(({ name, text }) => last.get(name) !== text).map(({ name }) => name))]
}

/** Sets everything back that the peer relies on. @returns what was changed; nothing if the session is gone */
async function restore(handle: TmuxServer, peer: ConfiguredPeer): Promise<Omit<LoadedConfig, 'messages'>> {
  const { sessionId, paneId, isRecorded } = peer
  const { stdout, exitCode } = await handle.run([
    ...stateQuestions(peer),
    ...[...restoreCommands(sessionId), ';'],
    ...[...witnessAliasCommands(), ';'],
    ...(isRecorded ? [...paneCommands(paneId), ';'] : []),
    // A command of the configuration may show its output in the pane, where it would take the keys.
    ...['copy-mode', '-q', '-t', paneId, ';'],
    ...stateQuestions(peer),
    ...question('global', ['show-options', '-gqv', 'destroy-unattached']),
    ...question('sessions', ['list-sessions', '-F', '#{session_id}']),
    ...['display-message', '-p', `${MARK}environment`, ';', 'show-environment', '-gh'],
  ])
  const answers = answersOf(stdout)
  const textOf = (name: string): string => answers.find((one) => one.name === name)?.text ?? ''
  const destroys = !['', 'off'].includes(textOf('global'))
  const others = textOf('sessions')
    .split('\n')
    .filter((id) => id !== '' && id !== sessionId)
  if (others.length > 0) await closeOthers(handle, sessionId, textOf('environment'))
  const found = new Set([
    ...setBackSettings(textOf('environment')),
    ...(destroys ? ['destroy-unattached'] : []),
    ...changedNames(answers),
    ...(others.length > 0 ? ['new-session'] : []),
  ])
  return { setBack: [...found].filter(isSetBack), isRunning: exitCode === 0 }
}

/** Closes every session but one. The witness of commands that kill is off meanwhile: it would note this as the cause of a death. */
async function closeOthers(handle: TmuxServer, sessionId: string, environment: string): Promise<void> {
  const witness = /^IAPEER_WITNESS=(.*)$/m.exec(environment)?.[1] ?? ''
  const setWitness = (path: string): string[] => ['set-environment', '-gh', 'IAPEER_WITNESS', path]
  await handle.run([...setWitness('/-'), ';', 'kill-session', '-a', '-t', sessionId])
  if (witness !== '') await handle.run(setWitness(literalArgument(witness)))
}

/**
 * Loads a user's own tmux configuration into the server of a peer, then sets back what the peer relies on: options that end the
 * session or keep its server, the aliases of the witness, the exit hook. Closes sessions that the configuration made.
 * @param path an existing file
 */
export async function loadUserConfig(
  handle: TmuxServer,
  path: string,
  peer: ConfiguredPeer,
): Promise<LoadedConfig> {
  const messages = await handle.sourceFile(path)
  return { messages, ...(await restore(handle, peer)) }
}
