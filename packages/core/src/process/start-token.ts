/** The facts that the operating system reports about a process. */
export type ProcessFacts =
  | { readonly kind: 'running'; readonly token: string; readonly ppid: number }
  | { readonly kind: 'zombie'; readonly token: string; readonly ppid: number }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown'; readonly why: string }

/**
 * Parses `/proc/<pid>/stat` (proc_pid_stat(5)): the state is field 3, ppid field 4, the start time in clock ticks since
 * boot field 22. The name can contain spaces and parentheses, so fields are counted from the last `)`.
 */
export function parseProcStat(text: string): ProcessFacts {
  const close = text.lastIndexOf(')')
  // Fields are separated by one space; those after the start time are not needed.
  const words = close < 0 ? [] : text.slice(close + 2).split(' ', 20)
  const [state, ppid] = words
  const token = words[19]
  if (state === undefined || token === undefined || !/^\d+$/.test(token)) {
    return { kind: 'unknown', why: 'unreadable /proc stat line' }
  }
  return { kind: state === 'Z' || state === 'X' ? 'zombie' : 'running', token, ppid: Number(ppid) }
}

/**
 * Parses the lines of `LC_ALL=C TZ=UTC ps -o pid=,ppid=,stat=,lstart=` (macOS ps(1)), for example
 * `  812     1 Ss   Tue Jun 10 15:42:07 2026`. The token is the start time with `_` for spaces.
 */
export function parsePsLines(text: string): Map<number, ProcessFacts> {
  const found = new Map<number, ProcessFacts>()
  for (const line of text.split('\n')) {
    const [pid, ppid, stat, ...start] = line.trim().split(/\s+/)
    if (pid === undefined || stat === undefined || start.length !== 5 || !/^\d+$/.test(pid)) continue
    const kind = stat.startsWith('Z') ? 'zombie' : 'running'
    found.set(Number(pid), { kind, token: start.join('_'), ppid: Number(ppid) })
  }
  return found
}
