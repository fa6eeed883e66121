// Writes the state table in the header of each shell program, from states.json.

const START = '# States (generated from states.json by packages/canary/scripts/generate.mjs):'
const END = '# End of states.'

/** Returns the table of one program as comment lines: state, event, next state, action. */
function stateComment(table) {
  const rows = Object.entries(table).flatMap(([state, events]) =>
    Object.entries(events).map(([event, { next, does }]) => [state, event, `-> ${next}`, does]),
  )
  const width = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at].length)))
  const line = (row) => `#   ${[0, 1, 2].map((at) => row[at].padEnd(width[at])).join('  ')}  ${row[3]}`
  return [START, ...rows.map(line), END].join('\n')
}

/** Replaces the state table in the text of a script. */
export function withStates(text, table, name) {
  const [from, to] = [text.indexOf(START), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${name} has no region between "${START}" and "${END}"`)
  return `${text.slice(0, from)}${stateComment(table)}${text.slice(to + END.length)}`
}
