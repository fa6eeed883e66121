import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type ExitRecord,
  type Findings,
  parseExitsLog,
  parseSnapshot,
  parseWitness,
  withAddendum,
} from '../src/index.ts'

const CASES = fileURLToPath(new URL('cases', import.meta.url))

/** A recorded or composed death, read from its files. */
export interface Case {
  readonly name: string
  readonly record: ExitRecord
  readonly snapshotText: string | undefined
  readonly findings: Findings
  readonly expected: { verdict: string; confidence: string; killer?: { pid: number } }
}

function optional(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

export function loadCase(name: string): Case {
  const at = (file: string): string => join(CASES, name, file)
  const [record] = parseExitsLog(readFileSync(at('exit.txt'), 'utf8')).records
  if (record === undefined) throw new Error(`${name} has no exit line`)
  const snapshotText = optional(at('snapshot.txt'))
  const addendum = parseSnapshot(optional(at('addendum.txt')) ?? '')
  const snapshot = withAddendum(parseSnapshot(snapshotText ?? ''), addendum)
  const witness = parseWitness(optional(at('witness.txt')) ?? '')
  const files = existsSync(at('reports')) ? readdirSync(at('reports')) : []
  const reports = new Map(files.map((file) => [file, readFileSync(at(`reports/${file}`), 'utf8')]))
  const expected = JSON.parse(readFileSync(at('expected.json'), 'utf8'))
  return { name, record, snapshotText, findings: { snapshot, witness, reports }, expected }
}

export const cases: readonly Case[] = readdirSync(CASES).sort().map(loadCase)
