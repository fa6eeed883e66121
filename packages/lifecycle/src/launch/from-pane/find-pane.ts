import { IapeerError } from '@iapeer/core/errors'
import { runTmux } from '@iapeer/tmux'
import type { PaneName, PaneTarget } from './pane-target.ts'

/** A pane of a tmux server. */
export interface FoundPane {
  /** For example `%3`. */
  readonly id: string
  /** The process that tmux started in the pane. */
  readonly pid: number
  readonly dead: boolean
  /** The number of sessions of its server. */
  readonly sessions: number
}

interface Row extends Omit<FoundPane, 'sessions'> {
  readonly sessionId: string
  readonly session: string
  readonly windowIndex: string
  readonly window: string
  readonly index: number
}

/** A session name contains no colon (tmux replaces it by `_`), so the window name starts after the first colon. */
const FORMAT =
  '#{pane_id} #{session_id} #{pane_pid} #{pane_dead} #{window_index} #{pane_index} #{session_name}:#{window_name}'
const LINE = /^(%\d+) (\$\d+) (\d+) (\d?) (\d+) (\d+) ([^:]*):(.*)$/
const NO_SERVER = /no server running|error connecting|server exited|lost server/

/** Runs a tmux command against a running server; `-N` keeps tmux from starting one. */
async function ask(socketPath: string, args: readonly string[]): Promise<string> {
  const result = await runTmux({ socketPath, args: ['-u', '-N', ...args] })
  if (result.exitCode === 0) return result.stdout
  if (result.timedOut)
    throw new IapeerError(`the tmux server at ${socketPath} did not answer in time`, {
      code: 'server-unresponsive',
      hint: 'The server may be stopped (resume it with kill -CONT) or very busy.',
    })
  const output = result.stderr.trim() || `exit code ${result.exitCode}`
  if (NO_SERVER.test(output) && !output.includes('Permission denied'))
    throw new IapeerError(`no tmux server answers at ${socketPath}: ${output}`, {
      code: 'no-server',
      hint: "The server has exited. To name a pane of a running server, run in it: tmux display-message -p '#{socket_path}:#{pane_id}'",
    })
  throw new IapeerError(`tmux refused ${args[0] ?? ''} at ${socketPath}: ${output}`, {
    code: 'tmux-refused',
    hint: `List its panes with: tmux -S ${socketPath} list-panes -a`,
  })
}

function parseRow(line: string): Row[] {
  const [, id, sessionId, pid, dead, windowIndex, index, session, window] = LINE.exec(line) ?? []
  if (id === undefined || sessionId === undefined || windowIndex === undefined) return []
  if (session === undefined || window === undefined) return []
  const common = { id, sessionId, windowIndex, session, window }
  return [{ ...common, pid: Number(pid), dead: dead === '1', index: Number(index) }]
}

function isNamed(row: Row, pane: PaneName): boolean {
  if (pane.kind === 'id') return row.id === pane.id
  const { session, window, index } = pane
  return (
    row.session === session && row.index === index && (row.windowIndex === window || row.window === window)
  )
}

/**
 * Finds a pane without changing anything. Compares whole names: tmux itself would accept a prefix.
 * @throws IapeerError `no-server`, `no-such-pane`, `ambiguous-pane`, `server-unresponsive`, `tmux-refused`, `tmux-missing`
 */
export async function findPane({ socketPath, pane }: PaneTarget): Promise<FoundPane> {
  const rows = (await ask(socketPath, ['list-panes', '-a', '-F', FORMAT])).split('\n').flatMap(parseRow)
  const found = new Map(rows.filter((row) => isNamed(row, pane)).map((row) => [row.id, row]))
  const [row] = found.values()
  const shown = pane.kind === 'id' ? pane.id : `${pane.session}:${pane.window}.${pane.index}`
  const listHint = `List the panes with: tmux -S ${socketPath} list-panes -a`
  if (row === undefined)
    throw new IapeerError(`the tmux server at ${socketPath} has no pane ${shown}`, {
      code: 'no-such-pane',
      hint: listHint,
    })
  if (found.size > 1)
    throw new IapeerError(`${shown} names ${found.size} panes: ${[...found.keys()].join(', ')}`, {
      code: 'ambiguous-pane',
      hint: `Give one of these ids. ${listHint}`,
    })
  const { id, pid, dead } = row
  return { id, pid, dead, sessions: new Set(rows.map((one) => one.sessionId)).size }
}

/** Returns the value of a tmux format for a pane, empty if it has none. @throws the errors of {@link findPane} */
export function askPane(socketPath: string, id: string, format: string): Promise<string> {
  return ask(socketPath, ['display-message', '-p', '-t', id, format])
}
