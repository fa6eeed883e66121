import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  diagramFaults,
  diagramsIn,
  type ShownTables,
  type StateTable,
  statesIn,
} from '../src/state-diagrams.ts'
import { REPOSITORY } from '../src/workspace.ts'

const text = (...path: string[]): string => readFileSync(join(REPOSITORY, ...path), 'utf8')
const load = (...path: string[]) => import(pathToFileURL(join(REPOSITORY, ...path)).href)
type Tables<P extends string> = Readonly<Record<P, StateTable>>
const canary: Tables<'guard' | 'watch' | 'record' | 'finish'> = JSON.parse(
  text('packages', 'canary', 'states.json'),
)
const tmux: Tables<'hook'> = JSON.parse(text('packages', 'tmux', 'states.json'))
const { MESSAGE_STATES } = await load('packages', 'core', 'dist', 'mailbox.js')
const { SHOWN_STATES } = await load('packages', 'lifecycle', 'dist', 'fleet.js')

const [guard = '', watch = '', hook = '', launch = '', message = '', ...others] = diagramsIn(
  text('docs', 'concepts.md'),
)
const { record, finish } = canary
/** Each with a state that the near miss lacks. */
const RECORDERS = [
  [
    'guard',
    'deciding',
    guard,
    {
      tables: { guard: canary.guard, record, finish },
      program: 'guard',
      whole: ['guard', 'record', 'finish'],
      // It cannot start a process.
      leftOut: ['finish left'],
    },
  ],
  ['watch', 'polling', watch, { tables: { watch: canary.watch, record, finish }, program: 'watch' }],
  [
    'exit hook',
    'writing',
    hook,
    {
      tables: tmux,
      program: 'hook',
      // It completes the record of a hook that was killed.
      leftOut: ['hook completing', 'hook later', 'hook failed'],
    },
  ],
] as const satisfies readonly (readonly [string, string, string, ShownTables])[]

describe.each(RECORDERS)('the diagram of the %s', (_name, state, diagram, shown) => {
  it('has the states and the transitions of its tables', () => {
    expect(diagramFaults(diagram, shown)).toEqual([])
  })

  it('is refused without a state, with a transition that the tables do not have, and with one turned round', () => {
    const without = diagram.replaceAll(new RegExp(`^.*\\b${state}\\b.*\\n`, 'gm'), '')
    expect(diagramFaults(without, shown)).toEqual([
      expect.stringMatching(`^the diagram does not have \\w+ ${state}$`),
    ])
    expect(diagramFaults(`${diagram}  ${state} --> nowhere: a fault\n`, shown)).toEqual([
      `the tables do not have ${state} --> nowhere`,
    ])
    const turned = diagram.replace(/^ {2}(\w+) --> (\w+)/m, '  $2 --> $1')
    expect(diagramFaults(turned, shown)).not.toEqual([])
  })
})

it('the diagram of a message has the states of a message, and the two that a status adds', () => {
  expect(others).toEqual([])
  const states = [...MESSAGE_STATES, 'held', 'unsure'].sort()
  expect(statesIn(message)).toEqual(states)
  expect(statesIn(message.replaceAll('unsure', 'uncertain'))).not.toEqual(states)
})

it('the diagram of a launch has the states that are printed, but for those that no launch leads to', () => {
  const ended = ['exited', 'failed', 'dead']
  const printed = SHOWN_STATES.filter((word: string) => !['new', 'unresponsive', ...ended].includes(word))
  const unprinted = ['starting', 'booting', 'ended']
  const states = [...printed, ...unprinted].map((word: string) => word.replaceAll(' ', '-')).sort()
  expect(statesIn(launch)).toEqual(states)
})
