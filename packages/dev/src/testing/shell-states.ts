import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A row of states.json: the state after an event, and what the program does. */
export interface StateRow {
  readonly next: string
  readonly does: string
}

/** The tables of a states.json, by program, state and event. */
type StateTables = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, StateRow>>>>>>

const MARK = /^( *): at (\w+) ([\w-]+) ([\w-]+)$/gm

/** Reads a states.json. @returns the rows, by `<program> <state> <event>` */
export function readStates(path: string): ReadonlyMap<string, StateRow> {
  const tables: StateTables = JSON.parse(readFileSync(path, 'utf8'))
  return new Map(
    Object.entries(tables).flatMap(([program, states]) =>
      Object.entries(states).flatMap(([state, events]) =>
        Object.entries(events).map(([event, row]): [string, StateRow] => [
          `${program} ${state} ${event}`,
          row,
        ]),
      ),
    ),
  )
}

/** Returns the states and events that the text of a script marks. */
export const marksIn = (text: string): string[] =>
  [...text.matchAll(MARK)].map(([, , program, state, event]) => `${program} ${state} ${event}`)

/** Changes copies of shell scripts so that each process writes the states and events that it passes to `<tracePath>.<pid>`. */
export function traceScripts(directory: string, tracePath: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    const text = readFileSync(path, 'utf8')
    const traced = text.replace(MARK, `$1printf '%s\\n' '$2 $3 $4' >>'${tracePath}'.$$$$`)
    if (traced !== text) writeFileSync(path, traced)
  }
}

/** Returns the states and events that traced processes passed, in order, one list for each process. */
export function readTraces(tracePath: string): string[][] {
  const [directory, base] = [dirname(tracePath), `${basename(tracePath)}.`]
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => name.startsWith(base))
    .map((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'))
}

/**
 * Finds the rows of a trace that the tables do not allow after the row before.
 * @returns one sentence for each
 */
export function contradictions(trace: readonly string[], rows: ReadonlyMap<string, StateRow>): string[] {
  return trace.slice(1).flatMap((row, at) => {
    const before = trace[at] ?? ''
    const [program = '', state = ''] = row.split(' ')
    const next = rows.get(before)?.next ?? 'an unknown row'
    const expected = next.includes(' ') ? next : `${before.split(' ')[0]} ${next}`
    return expected === `${program} ${state}` ? [] : [`after "${before}" comes "${row}", not ${expected}`]
  })
}
