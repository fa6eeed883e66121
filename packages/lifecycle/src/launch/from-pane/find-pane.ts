import { IapeerError } from '@iapeer/core/errors'
import { runTmux } from '@iapeer/tmux'
import type { PaneName, PaneTarget } from './pane-target.ts'

export interface FoundPane {
  /** `%3`. */
  readonly id: string
  /** The process that tmux started in it. */
  readonly pid: number
  readonly dead: boolean
  /** How many sessions its server has. */
  readonly sessions: number
}

interface Row extends Omit<FoundPane, 'sessions'> {
  readonly sessionId: string
  readonly session: string
  readonly windowIndex: string
  readonly window: string
  readonly index: number
}

/** A session's name holds no colon (tmux makes it `_`), so what is behind the first one is the window's. */
const FORMAT =
  '#{pane_id} #{session_id} #{pane_pid} #{pane_dead} #{window_index} #{pane_index} #{session_name}:#{window_name}'
const LINE = /^(%\d+) (\$\d+) (\d+) (\d?) (\d+) (\d+) ([^:]*):(.*)$/
const NO_SERVER = /no server running|error connecting|server exited|lost server/

/** Asks a server; nothing is started where there is none. */
async function ask(socketPath: string, args: readonly string[]): Promise<string> {
  const result = await runTmux({ socketPath, args: ['-u', '-N', ...args] })
  if (result.exitCode === 0) return result.stdout
  if (result.timedOut)
    throw new IapeerError(`the tmux server at ${socketPath} did not answer in time`, {
      code: 'server-unresponsive',
      hint: 'It may be stopped (kill -CONT) or very busy.',
    })
  const said = result.stderr.trim() || `exit code ${result.exitCode}`
  if (NO_SERVER.test(said) && !said.includes('Permission denied'))
    throw new IapeerError(`no tmux server answers at ${socketPath}: ${said}`, {
      code: 'no-server',
      hint: "It has ended. In a tmux that runs, this names a pane: tmux display-message -p '#{socket_path}:#{pane_id}'",
    })
  throw new IapeerError(`tmux refused ${args[0] ?? ''} at ${socketPath}: ${said}`, {
    code: 'tmux-refused',
    hint: `See what runs there: tmux -S ${socketPath} list-panes -a`,
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
 * Looks for a pane, and only looks. Names are compared whole: tmux itself would take the beginning of one.
 * @throws IapeerError `no-server`, `no-such-pane`, `ambiguous-pane`, `server-unresponsive`, `tmux-refused`, `tmux-missing`
 */
export async function findPane({ socketPath, pane }: PaneTarget): Promise<FoundPane> {
  const rows = (await ask(socketPath, ['list-panes', '-a', '-F', FORMAT])).split('\n').flatMap(parseRow)
  const found = new Map(rows.filter((row) => isNamed(row, pane)).map((row) => [row.id, row]))
  const [row] = found.values()
  const shown = pane.kind === 'id' ? pane.id : `${pane.session}:${pane.window}.${pane.index}`
  const there = `See which there are: tmux -S ${socketPath} list-panes -a`
  if (row === undefined)
    throw new IapeerError(`the tmux server at ${socketPath} has no pane ${shown}`, {
      code: 'no-such-pane',
      hint: there,
    })
  if (found.size > 1)
    throw new IapeerError(`${shown} names ${found.size} panes: ${[...found.keys()].join(', ')}`, {
      code: 'ambiguous-pane',
      hint: `Name one of these. ${there}`,
    })
  const { id, pid, dead } = row
  return { id, pid, dead, sessions: new Set(rows.map((one) => one.sessionId)).size }
}

/** What tmux itself says of a pane: the format's value, empty where it has none. @throws as {@link findPane} */
export function askPane(socketPath: string, id: string, format: string): Promise<string> {
  return ask(socketPath, ['display-message', '-p', '-t', id, format])
}
