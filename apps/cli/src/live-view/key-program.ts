import { stripVTControlCharacters } from 'node:util'
import { type ProgramResult, runInTerminal, runProgram } from '@iapeer/core/exec'
import { plain } from '../output.ts'

/** After this time a command counts as hung and is killed, in milliseconds. A restart may wait for a stop and a boot. */
const LIMIT_MS = 300_000
/** A result in the last line of a view has at most this many lines. */
const RESULT_LINES = 3
/** A page has at most this many lines: the last ones. */
const PAGE_LINES = 2_000

/** What a command of the command line printed. */
export interface Printed {
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** The command line of this program: a command that a key runs is the one that a person types. */
const argvOf = (words: readonly string[]): [string, ...string[]] => [
  process.execPath,
  process.argv[1] ?? '',
  ...words,
]

/** Runs a command of this program and captures its output. It finishes its work if this process exits first. */
export const runCommand = (words: readonly string[]): Promise<ProgramResult> =>
  runProgram(argvOf(words), { timeoutMs: LIMIT_MS, ownGroup: true })

/** Runs a command of this program in the terminal; only its standard error is captured. */
export const runCommandInTerminal = async (words: readonly string[]): Promise<Printed> => ({
  ...(await runInTerminal(argvOf(words))),
  stdout: '',
})

const linesOf = (text: string): string[] =>
  stripVTControlCharacters(text)
    .trimEnd()
    .split('\n')
    .map((line) => plain(line).trimEnd())

/** Returns the result of a command in one line: what failed and what to do, else what it printed. */
export function resultText({ exitCode, stdout, stderr }: Printed): string {
  const [first, second] = exitCode === 0 ? [stdout, stderr] : [stderr, stdout]
  const lines = linesOf(first.trim() === '' ? second : first).filter((line) => line.trim() !== '')
  const text = lines.slice(0, RESULT_LINES).map((line) => line.trim().replace(/^iapeer: /, ''))
  if (text.length > 0) return text.join('. ')
  return exitCode === undefined ? 'the command was killed' : `done (exit code ${exitCode})`
}

/** Returns the lines of a page that shows what a command printed. */
export const pageLines = ({ stdout }: Printed): string[] => linesOf(stdout).slice(-PAGE_LINES)
