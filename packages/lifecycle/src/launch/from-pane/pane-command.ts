import { type CommandLine, type ProcessRow, readCommandLine, readProcessTable } from '@iapeer/core/process'
import { type ShellKind, shellKind, startable } from './shell.ts'

/** What runs in a pane. */
export interface PaneCommand extends CommandLine {
  /** `program`: what tmux started. `job`: what a shell in it runs in the foreground. `shell`: a shell alone. */
  readonly source: 'program' | 'job' | 'shell'
  readonly pid: number
  /** The `-c` line that a job was taken out of: whatever else it says is not in `argv`. */
  readonly line?: readonly string[]
  /** Of a shell: how many processes its foreground job has, none or a pipeline. */
  readonly jobs?: number
}

/**
 * The children of a shell that are, or lead to, the terminal's foreground group. A shell that a person types into gives
 * its job a group of its own; at its prompt it is in the foreground itself, and its helpers are no jobs.
 */
function jobsOf(table: readonly ProcessRow[], pid: number, kind: ShellKind): readonly ProcessRow[] {
  const shell = table.find((row) => row.pid === pid)
  if (shell === undefined || shell.foreground < 1) return []
  if (kind === 'interactive' && shell.foreground === shell.group) return []
  const inFront = (row: ProcessRow, depth = 0): boolean =>
    row.group === shell.foreground ||
    (depth < 32 && table.some((child) => child.ppid === row.pid && inFront(child, depth + 1)))
  return table.filter((row) => row.ppid === pid && inFront(row))
}

/**
 * What runs in a pane whose first process this is: of a shell its one job in the foreground, through shells in shells.
 * @returns undefined when its arguments cannot be seen
 */
export async function inspectPaneCommand(pid: number): Promise<PaneCommand | undefined> {
  const table = await readProcessTable()
  let current = await readCommandLine(pid)
  if (current === undefined) return undefined
  let at = pid
  let line: readonly string[] | undefined
  for (let depth = 0; depth < 32; depth++) {
    const kind = shellKind(current.argv)
    if (kind === 'other') break
    const jobs = jobsOf(table, at, kind)
    const [job] = jobs
    const next = job === undefined || jobs.length > 1 ? undefined : await readCommandLine(job.pid)
    if (job === undefined || next === undefined) {
      if (kind === 'line') break
      const { exact } = current
      return { argv: startable(current.argv), exact, source: 'shell', pid: at, jobs: jobs.length }
    }
    if (kind === 'line') line = current.argv
    current = next
    at = job.pid
  }
  const source = at === pid ? 'program' : 'job'
  return { ...current, source, pid: at, ...(line === undefined ? {} : { line }) }
}
