import { type CommandLine, type ProcessRow, readCommandLine, readProcessTable } from '@iapeer/core/process'
import { type ShellKind, shellKind, startable } from './shell.ts'

/** The command that runs in a pane. */
export interface PaneCommand extends CommandLine {
  /**
   * `program`: the command that tmux started. `job`: the foreground job of a shell in the pane. `shell`: a shell without such a
   * job.
   */
  readonly source: 'program' | 'job' | 'shell'
  readonly pid: number
  /** The `sh -c` command line that contains the job; the rest of that line is not in `argv`. */
  readonly line?: readonly string[]
  /** For a shell: the number of processes in its foreground job, 0 or those of a pipeline. */
  readonly jobs?: number
}

/**
 * Returns the children of a shell that belong to the terminal's foreground process group, or have a descendant in it. An
 * interactive shell gives its job a process group of its own. At the prompt the shell itself is in the foreground, and its
 * children are not jobs.
 */
function jobsOf(table: readonly ProcessRow[], pid: number, kind: ShellKind): readonly ProcessRow[] {
  const shell = table.find((row) => row.pid === pid)
  if (shell === undefined || shell.foreground < 1) return []
  if (kind === 'interactive' && shell.foreground === shell.group) return []
  const isInForeground = (row: ProcessRow, depth = 0): boolean =>
    row.group === shell.foreground ||
    (depth < 32 && table.some((child) => child.ppid === row.pid && isInForeground(child, depth + 1)))
  return table.filter((row) => row.ppid === pid && isInForeground(row))
}

/**
 * Returns the command that runs in a pane. For a shell that is its foreground job, also through nested shells.
 * @param pid the first process of the pane
 * @returns undefined if the arguments of the process are not visible
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
