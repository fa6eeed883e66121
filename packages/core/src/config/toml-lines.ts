/** A line of a TOML text that assigns a value. */
interface Assignment {
  /** The dotted key with its table: `daemon.tick_secs`. */
  readonly key: string
  /** The index of the line, from 0. */
  readonly at: number
}

interface Scan {
  readonly assignments: readonly Assignment[]
  /** By name of the table, the index of its header. */
  readonly headers: ReadonlyMap<string, number>
}

const HEADER = /^\s*\[\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*\]\s*(?:#.*)?$/
const ASSIGNMENT =
  /^(\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'[{]+)(\s*(?:#.*)?)$/

const compact = (name: string): string => name.replace(/\s/g, '')

/** Finds the lines with a value of one line. Other values are skipped, so the caller checks the result of each edit. */
function scan(lines: readonly string[]): Scan {
  const headers = new Map<string, number>()
  const assignments: Assignment[] = []
  let table = ''
  for (const [at, line] of lines.entries()) {
    const header = HEADER.exec(line)?.[1]
    const name = ASSIGNMENT.exec(line)?.[2]
    if (header !== undefined) {
      table = compact(header)
      headers.set(table, at)
    } else if (name !== undefined)
      assignments.push({ key: table === '' ? compact(name) : `${table}.${compact(name)}`, at })
  }
  return { assignments, headers }
}

const split = (text: string): string[] => text.split(/\r?\n/)

/** Returns the number of the line that assigns a key, from 1; undefined if none does in one line. */
export function lineOf(text: string, key: string): number | undefined {
  const found = scan(split(text)).assignments.find((one) => one.key === key)
  return found === undefined ? undefined : found.at + 1
}

/** Returns the index at which a key of a table is inserted: after the last line of the table that is not blank. */
function endOfTable(lines: readonly string[], header: number): number {
  let end = header + 1
  for (let at = header + 1; at < lines.length && !/^\s*\[/.test(lines[at] ?? ''); at++)
    if ((lines[at] ?? '').trim() !== '') end = at + 1
  return end
}

function insert(lines: string[], key: string, value: string): void {
  const [table = '', name = ''] = key.split('.')
  const { headers, assignments } = scan(lines)
  const header = headers.get(table)
  if (header !== undefined) {
    lines.splice(endOfTable(lines, header), 0, `${name} = ${value}`)
    return
  }
  // The table is written as dotted keys: a header would define it a second time.
  const dotted = assignments.findLast((one) => one.key.startsWith(`${table}.`))
  if (dotted !== undefined) {
    lines.splice(dotted.at + 1, 0, `${key} = ${value}`)
    return
  }
  while (lines.at(-1)?.trim() === '') lines.pop()
  if (lines.length > 0) lines.push('')
  lines.push(`[${table}]`, `${name} = ${value}`, '')
}

/**
 * Sets or removes a key of a TOML text and leaves every other line as it is. Values of several lines are not understood, so
 * the caller must parse the result.
 * @param key a table and a name: `daemon.tick_secs`
 * @param value TOML; undefined removes the key
 */
export function editToml(text: string, key: string, value: string | undefined): string {
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n'
  const lines = split(text)
  const found = scan(lines).assignments.find((one) => one.key === key)
  if (found === undefined) {
    if (value !== undefined) insert(lines, key, value)
  } else if (value === undefined) lines.splice(found.at, 1)
  else
    lines[found.at] = (lines[found.at] ?? '').replace(
      ASSIGNMENT,
      (_line, start: string, _name, _old, end: string) => `${start}${value}${end}`,
    )
  return lines.join(lineEnd)
}
