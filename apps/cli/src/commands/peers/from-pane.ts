import { toRuntime } from '@iapeer/core/identity'
import type { NewPeer } from '@iapeer/core/registry'
import { inspectPane, type PaneReading } from '@iapeer/lifecycle/launch'
import { usageError } from '../../exit-code.ts'
import { commandText } from '../../output.ts'

interface PaneOptions {
  readonly fromPane: string
  readonly runtime?: string
  /** Absolute. */
  readonly cwd?: string
}

/** How a peer runs what a pane runs. */
type PaneFields = Pick<NewPeer, 'defaultRuntime' | 'cwd' | 'command'>

function fieldsOf({ runtime, command, running, cwd }: PaneReading, wanted: string | undefined): PaneFields {
  const defaultRuntime = toRuntime(wanted ?? runtime)
  if (defaultRuntime === 'command') return { defaultRuntime, cwd, command: command ?? running.argv }
  if (defaultRuntime === runtime)
    return { defaultRuntime, cwd, ...(command === undefined ? {} : { command }) }
  throw usageError(
    `the pane runs ${commandText(running.argv)}, which is not the runtime ${defaultRuntime}`,
    'Leave out --runtime; or name no pane, to make a peer of that runtime.',
  )
}

/** Reads a pane, and what a peer says of itself to run so; the pane is left as it is. */
export async function readFromPane(
  options: PaneOptions,
  command: readonly string[],
): Promise<{ readonly reading: PaneReading; readonly fields: PaneFields }> {
  if (command.length > 0)
    throw usageError(
      `the pane says what runs; ${JSON.stringify(command[0])} was given besides`,
      'Leave out --from-pane to say it yourself (with --cwd DIRECTORY), or the program.',
    )
  const { cwd } = options
  const reading = await inspectPane(options.fromPane, cwd === undefined ? {} : { cwd })
  return { reading, fields: fieldsOf(reading, options.runtime) }
}

/** How it is known what the pane runs. */
function sourceText({ running, paneId }: PaneReading): string {
  const told = {
    program: `process ${running.pid}`,
    job: `process ${running.pid}, the job of its shell`,
    shell: `process ${running.pid}, a shell`,
    'start-command': 'what tmux was told to start; its process cannot be seen',
  }[running.source]
  return `${paneId}, ${told}`
}

/** What is worth knowing before it is relied on. */
function hintsOf({ running, found, sessions }: PaneReading): string[] {
  const { argv, source, jobs = 0, line, exact } = running
  const say = 'iapeer remove NAME, then iapeer create NAME -- PROGRAM [ARGUMENTS]'
  return [
    ...(source === 'shell' && jobs > 1
      ? [
          `Its job is a pipeline of ${jobs} processes, so the shell was taken; -- sh -c 'ONE | TWO' makes a peer of it.`,
        ]
      : []),
    ...(source === 'shell' && jobs <= 1 ? ['Only a shell runs there, so the peer is that shell.'] : []),
    ...(line === undefined ? [] : [`Its shell runs more than was taken: ${commandText(line)}`]),
    ...(exact ? [] : [`Where its arguments begin and end is a guess; where it is wrong: ${say}`]),
    ...(found
      ? []
      : [
          `There is no program ${JSON.stringify(argv[0])} here: the process may go by a title of its own. If so: ${say}`,
        ]),
    ...(sessions > 1
      ? [
          `Its tmux server has ${sessions} sessions: a kill-server there ends all ${sessions} of them; iapeer gives each peer its own server.`,
        ]
      : []),
    'The pane goes on until you end it; the peer is one of its own, and not started yet.',
  ]
}

/** What was taken of a pane, for a person and as JSON. */
export interface TakenFromPane {
  readonly rows: readonly (readonly [string, string])[]
  readonly hints: readonly string[]
  readonly json: object
}

export function takenFromPane(reading: PaneReading, fields: PaneFields): TakenFromPane {
  const { socketPath, paneId, sessions, running } = reading
  const hints = hintsOf(reading)
  const command = fields.command ?? undefined
  const taken = command === undefined ? {} : { command }
  return {
    rows: [
      ...(command === undefined ? [] : [['command', commandText(command)] as const]),
      ['from', sourceText(reading)],
    ],
    hints,
    json: {
      ...taken,
      fromPane: {
        ...{ socketPath, paneId, sessions, pid: running.pid },
        ...{ source: running.source, running: running.argv, exact: running.exact, found: reading.found },
      },
      hints,
    },
  }
}
