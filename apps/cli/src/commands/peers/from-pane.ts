import { toRuntime } from '@iapeer/core/identity'
import type { Permissions } from '@iapeer/core/profile'
import type { NewPeer } from '@iapeer/core/registry'
import { inspectPane, type PaneReading } from '@iapeer/lifecycle/launch'
import { hasPermissions, readPermissionArgs } from '@iapeer/lifecycle/runtimes'
import { usageError } from '../../exit-code.ts'
import { commandText } from '../../output.ts'

interface PaneOptions {
  readonly fromPane: string
  readonly runtime?: string
  /** @default those of the process in the pane */
  readonly permissions?: Permissions | undefined
  /** Absolute. */
  readonly cwd?: string
}

/** The fields of a peer that runs the program of a pane. */
type PaneFields = Pick<NewPeer, 'defaultRuntime' | 'cwd' | 'command' | 'permissions'>

/**
 * Returns the command of an agent and its permissions. Arguments that state permissions stay in the command as `own`, except
 * that `skip` becomes the setting, and a chosen setting replaces them.
 */
function agentFields(
  runtime: string,
  command: readonly string[] | undefined,
  chosen: Permissions | undefined,
): Pick<PaneFields, 'command' | 'permissions'> {
  const { stated, rest } = readPermissionArgs(runtime, command ?? [])
  const permissions = chosen ?? stated ?? 'own'
  const isReplaced = stated !== undefined && (permissions === 'skip' || chosen === 'ask')
  const kept = isReplaced ? (rest.length > 1 ? rest : undefined) : command
  return { permissions, ...(kept === undefined ? {} : { command: kept }) }
}

function fieldsOf(
  { runtime, command, running, cwd }: PaneReading,
  { runtime: wanted, permissions }: PaneOptions,
): PaneFields {
  const defaultRuntime = toRuntime(wanted ?? runtime)
  if (permissions !== undefined && !hasPermissions(defaultRuntime))
    throw usageError(
      `--permissions does not apply to the runtime ${defaultRuntime}`,
      'Omit it: iapeer knows the permissions of claude and codex only.',
    )
  if (defaultRuntime === 'command') return { defaultRuntime, cwd, command: command ?? running.argv }
  if (defaultRuntime === runtime)
    return { defaultRuntime, cwd, ...agentFields(runtime, command, permissions) }
  throw usageError(
    `the pane runs ${commandText(running.argv)}, which is not the runtime ${defaultRuntime}`,
    'Omit --runtime, or omit --from-pane to create a peer of that runtime.',
  )
}

/** Reads the program of a pane, without changing the pane, and returns the fields of a peer that runs the same program. */
export async function readFromPane(
  options: PaneOptions,
  command: readonly string[],
): Promise<{ readonly reading: PaneReading; readonly fields: PaneFields }> {
  if (command.length > 0)
    throw usageError(
      `--from-pane cannot be combined with a program (${JSON.stringify(command[0])})`,
      'Omit --from-pane to choose the program yourself (with --cwd DIRECTORY), or omit the program.',
    )
  const { cwd } = options
  const reading = await inspectPane(options.fromPane, cwd === undefined ? {} : { cwd })
  if (reading.running.pid === process.pid)
    throw usageError(
      `the pane ${reading.paneId} runs this command itself`,
      'Run it in another pane or terminal, while the program runs in that pane.',
    )
  return { reading, fields: fieldsOf(reading, options) }
}

/** Returns the pane, and where the command was read. */
function sourceText({ running, paneId }: PaneReading): string {
  const source = {
    program: `process ${running.pid}`,
    job: `process ${running.pid}, the job of its shell`,
    shell: `process ${running.pid}, a shell`,
    'start-command': 'its start command in tmux; its process cannot be read',
  }[running.source]
  return `${paneId}, ${source}`
}

/** Returns what the user should check before starting the peer. */
function hintsOf({ running, found, sessions }: PaneReading): string[] {
  const { argv, source, jobs = 0, line, exact } = running
  const redo = 'iapeer remove NAME, then iapeer create NAME -- PROGRAM [ARGUMENTS]'
  return [
    ...(source === 'shell' && jobs > 1
      ? [
          `The job of the shell is a pipeline of ${jobs} processes, so the peer runs the shell. For a pipeline: iapeer create NAME -- sh -c 'ONE | TWO'`,
        ]
      : []),
    ...(source === 'shell' && jobs <= 1
      ? ['Only a shell is running in the pane, so the peer runs that shell.']
      : []),
    ...(line === undefined ? [] : [`The shell of the pane runs more than the peer: ${commandText(line)}`]),
    ...(exact ? [] : [`iapeer had to guess how the arguments are split. If they are wrong: ${redo}`]),
    ...(found
      ? []
      : [
          `The program ${JSON.stringify(argv[0])} is not found here; the process may have changed its title. If so: ${redo}`,
        ]),
    ...(sessions > 1
      ? [
          `The tmux server of the pane has ${sessions} sessions, and a kill-server ends all of them; iapeer gives each peer its own server.`,
        ]
      : []),
    'The pane keeps running. The peer is independent of it and not started yet.',
  ]
}

/** What was imported from a pane, as rows for a person and as JSON. */
export interface ImportedPane {
  readonly rows: readonly (readonly [string, string])[]
  readonly hints: readonly string[]
  readonly json: object
}

/** Returns what was imported from a pane, for output. */
export function importedFromPane(reading: PaneReading, fields: PaneFields): ImportedPane {
  const { socketPath, paneId, sessions, running } = reading
  const hints = hintsOf(reading)
  const command = fields.command ?? undefined
  return {
    rows: [
      ...(command === undefined ? [] : [['command', commandText(command)] as const]),
      ['from', sourceText(reading)],
    ],
    hints,
    json: {
      ...(command === undefined ? {} : { command }),
      fromPane: {
        ...{ socketPath, paneId, sessions, pid: running.pid },
        ...{ source: running.source, running: running.argv, exact: running.exact, found: reading.found },
      },
      hints,
    },
  }
}
