import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contradictions, marksIn, readStates, readTraces, traceScripts, until } from '@iapeer/dev/testing'
import { expect, it } from 'vitest'
import { type Root, roots } from './support.ts'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** The rows of states.json for all programs. */
const rows = readStates(path('../states.json'))
const ofProgram = (program: string): string[] =>
  [...rows.keys()].filter((row) => row.startsWith(`${program} `))

/** A root whose recorders log the events that they meet. */
export interface TracedRoot {
  readonly root: Root
  readonly prepare: (lib: string) => void
  readonly trace: () => string[]
  /** Waits for a row in the trace. */
  readonly met: (row: string, limitMs?: number) => Promise<unknown>
}

/**
 * Drives programs through their tables. Each scenario names the rows that it must meet. The last test of a file checks that
 * every row of these programs was met.
 */
export function drives(programs: readonly string[], { skipped = [] as readonly string[] } = {}) {
  const newRoot = roots()
  const driven = new Set<string>(skipped)

  const scenario = (
    expected: readonly string[],
    what: string,
    act: (traced: TracedRoot) => Promise<void>,
  ): void => {
    it(`${what}: ${expected.join(', ')}`, async () => {
      const root = newRoot()
      const tracePath = join(root.path, 'trace')
      const trace = () => readTraces(tracePath).flat()
      await act({
        root,
        prepare: (lib) => traceScripts(lib, tracePath),
        trace,
        met: (row, limitMs) =>
          until(`"${row}" in ${trace().join(', ')}`, () => trace().includes(row), limitMs),
      })
      const met = trace()
      expect(
        expected.filter((row) => !met.includes(row)),
        `not met, of ${met.join(', ')}`,
      ).toEqual([])
      for (const one of readTraces(tracePath)) expect(contradictions(one, rows)).toEqual([])
      for (const row of expected) driven.add(row)
    })
  }

  const complete = (): void => {
    it.each(programs)(
      '%s: every state and event of states.json was met, and no other is marked',
      (program) => {
        expect(ofProgram(program).filter((row) => !driven.has(row))).toEqual([])
        const scripts = readdirSync(path('../assets')).map((name) => join(path('../assets'), name))
        const marked = scripts.flatMap((file) => marksIn(readFileSync(file, 'utf8')))
        expect([...new Set(marked.filter((row) => row.startsWith(`${program} `)))].sort()).toEqual(
          ofProgram(program).sort(),
        )
      },
    )
  }
  return { scenario, complete }
}
