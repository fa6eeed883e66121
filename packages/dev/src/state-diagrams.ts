/** A transition of a state diagram. */
interface Transition {
  readonly from: string
  readonly to: string
}

/** The start and the end of a Mermaid diagram. */
const EDGE = '[*]'

/** The table of one program in a states.json: by state and event, the next state. */
export type StateTable = Readonly<Record<string, Readonly<Record<string, { readonly next: string }>>>>

/** Which tables a diagram shows. */
export interface ShownTables {
  /** The tables of all programs, by name. */
  readonly tables: Readonly<Record<string, StateTable>>
  /** The program that the diagram begins with. */
  readonly program: string
  /** The programs whose every state the diagram has. @default `program` alone */
  readonly whole?: readonly string[]
  /** The states that the diagram does not have, as `<program> <state>`. */
  readonly leftOut?: readonly string[]
}

/** Returns the Mermaid diagrams of a Markdown page, in order. */
export const diagramsIn = (page: string): string[] =>
  [...page.matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)

/** Returns the transitions of a diagram; the names of its states have hyphens, as in the tables. */
const transitionsIn = (diagram: string): Transition[] =>
  [...diagram.matchAll(/^ *(\S+) --> ([^\s:]+)/gm)].map(([, from = '', to = '']) => ({
    from: from.replaceAll('_', '-'),
    to: to.replaceAll('_', '-'),
  }))

/** Returns the states of a diagram, sorted. */
export const statesIn = (diagram: string): string[] =>
  [...new Set(transitionsIn(diagram).flatMap(({ from, to }) => [from, to]))]
    .filter((state) => state !== EDGE)
    .sort()

/** A state of a table: `finish leaving` names another program, `done` is the end. */
function nextOf(program: string, next: string): readonly [program: string, state: string] {
  const [other = '', state] = next.split(' ')
  return state === undefined ? [program, other] : [other, state]
}

/**
 * Compares a diagram with the tables that it shows. A state without a row is an end, so it may lead to the end of the diagram.
 * @returns one line for each transition that the tables do not have, and for each state that the diagram lacks. Pure.
 */
export function diagramFaults(
  diagram: string,
  { tables, program, whole = [program], leftOut = [] }: ShownTables,
): string[] {
  const rows = Object.entries(tables).flatMap(([name, states]) =>
    Object.entries(states).flatMap(([state, events]) =>
      Object.values(events).map(({ next }) => [name, state, ...nextOf(name, next)] as const),
    ),
  )
  const begins = new Set(rows.map(([name, from]) => `${name} ${from}`))
  const allowed = new Set(
    rows.flatMap(([, from, name, to]) => [
      `${from} --> ${to === 'done' ? EDGE : to}`,
      ...(begins.has(`${name} ${to}`) ? [] : [`${to} --> ${EDGE}`]),
    ]),
  )
  allowed.add(`${EDGE} --> ${Object.keys(tables[program] ?? {})[0]}`)
  const shown = statesIn(diagram)
  const wanted = rows.flatMap(([by, from, name, to]) =>
    [`${by} ${from}`, `${name} ${to}`].filter((one) => whole.includes(one.split(' ')[0] ?? '')),
  )
  const missing = [...new Set(wanted)].filter(
    (one) => !leftOut.includes(one) && !one.endsWith(' done') && !shown.includes(one.split(' ')[1] ?? ''),
  )
  return [
    ...transitionsIn(diagram)
      .map(({ from, to }) => `${from} --> ${to}`)
      .filter((one) => !allowed.has(one))
      .map((one) => `the tables do not have ${one}`),
    ...missing.map((one) => `the diagram does not have ${one}`),
  ]
}
