import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { locateCli, locateDaemon } from '@iapeer/core/locate'
import { SMALL_HEAP_FLAGS } from '@iapeer/core/process'
import {
  type DrillResult,
  junit,
  junitError,
  KINDS,
  runDrill,
  type StepResult,
  summaryOf,
} from '@iapeer/drill'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { launchSignal } from '../../interrupt.ts'
import { commandText, print, printJson } from '../../output.ts'
import { exitCodeOf, findingText, resultText, startProgress } from './drill-text.ts'

const COUNT = 50
const MOST_ACTS = 1_000_000
const MOST_AT_ONCE = 64

/** Parses the names of kinds. @throws IapeerError `usage` */
function parseNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !KINDS.some((kind) => kind.name === name))
  if (unknown === undefined) return [...new Set(names)]
  throw usageError(`no such kind: ${JSON.stringify(unknown)}`, 'The kinds are listed by: iapeer drill --help')
}

function parseSeed(text: string): number {
  const seed = Number(text)
  if (/^\d{1,10}$/.test(text) && seed < 2 ** 32) return seed
  throw usageError(`invalid --seed ${JSON.stringify(text)}`, 'Use a whole number below 4294967296.')
}

/** Returns a parser of a number from 1. @throws IapeerError `usage`, which names the option */
const parseUpTo =
  (option: string, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d{1,9}$/.test(text) && value >= 1 && value <= most) return value
    throw usageError(`invalid ${option} ${JSON.stringify(text)}`, `Use a number from 1 to ${most}.`)
  }

/** Fails before the drill, not after it, if its report cannot be written. Until the drill has ended, the report says that it has not. */
const beginReport = (path: string): Promise<void> =>
  writeFile(path, junitError('the drill has not ended'), { mode: 0o600 })

/** Runs a drill; if that fails, the report says why. */
async function runReported(
  report: string | undefined,
  run: () => Promise<DrillResult>,
): Promise<DrillResult> {
  try {
    const result = await run()
    if (report !== undefined) await writeFile(report, junit(result))
    return result
  } catch (error) {
    if (report !== undefined)
      await writeFile(report, junitError(error instanceof Error ? error.message : String(error)))
    throw error
  }
}

/** The settings of the person's environment must not reach the drill, whose results would depend on them. */
function forgetSettings(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('IAPEER_')) delete process.env[name]
}

const jsonOf = ({ kinds, control, ...rest }: DrillResult): object => ({
  ...rest,
  control: Object.fromEntries(control),
  kinds: kinds.map(summaryOf),
})

const WIDTH = 80

/** The names of the kinds on lines of at most 80 characters. (wrap.ts loads a library, which no help text needs.) */
const kindLines = (): string =>
  KINDS.map(({ name }) => name).reduce((text, name) => {
    const line = text.slice(text.lastIndexOf('\n') + 1)
    return `${text},${line.length + name.length + 3 > WIDTH ? '\n' : ' '}${name}`
  })

const DETAILS = `It runs in a private root under the temporary directory, with a daemon of its
own. It signals only processes that it has started, and touches no peer of
yours. As root on Linux it also makes cgroups with limits, and mounts a loop
device of 64 MiB in that directory; else the kinds that need them are skipped.
What it has started or made is ended and removed when it ends, also after Ctrl-C
and after kill -9; the files are kept if something is wrong. A control runs
first: a recorder that is disabled must be found to be wrong.

Kinds:
${kindLines()}`

/** Proves on this host that deaths are recorded and explained, and that deliberate stops are not recorded. */
/** Keeps a drill of many thousand acts from holding several times the memory that it uses. */
async function keepHeapSmall(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8')
  for (const flag of SMALL_HEAP_FLAGS) setFlagsFromString(flag)
}

export default defineCommand({
  name: 'drill',
  summary: 'hurt peers of its own in many ways, and check every record',
  details: DETAILS,
  exitCodes: {
    0: 'all as it must be',
    1: 'something is wrong',
    3: 'nothing is proven: the control was not found to be wrong, or no act could be done',
    130: 'interrupted',
  },
  options: {
    count: {
      value: 'acts',
      help: `how many acts (default ${COUNT})`,
      parse: parseUpTo('--count', MOST_ACTS),
    },
    seed: { value: 'number', help: 'repeat the acts of this seed (default: a new one)', parse: parseSeed },
    kinds: { value: 'names', help: 'only these kinds of acts, separated by commas', parse: parseNames },
    concurrency: {
      value: 'peers',
      help: 'how many peers at a time (default: two for each processor)',
      parse: parseUpTo('--concurrency', MOST_AT_ONCE),
    },
    junit: { value: 'file', help: 'also write a report in the format of JUnit' },
    mail: { help: 'also send messages to the peers, and check every receipt' },
    keep: { help: 'keep the files of the drill' },
    json: { help: 'print JSON' },
  },
  run: async ({ options }) => {
    const { count = COUNT, kinds, junit: report } = options
    const concurrency = options.concurrency ?? Math.min(16, 2 * availableParallelism())
    const seed = options.seed ?? randomInt(2 ** 32)
    if (!options.json) print(`drill: ${count} acts, ${concurrency} peers at a time, seed ${seed}`)
    if (report !== undefined) await beginReport(report)
    forgetSettings()
    await keepHeapSmall()
    const progress = startProgress(count)
    const signal = launchSignal()
    const drill = {
      ...{ count, concurrency, seed, kinds, keep: options.keep, mail: options.mail, signal },
      daemonProgram: locateDaemon(import.meta.url),
      cliProgram: locateCli(import.meta.url),
      onStep: ({ step, identity, gen, problems }: StepResult, done: number) => {
        const about = { act: step.kind.name, identity, gen }
        progress.step(
          done,
          problems.map((problem) => findingText({ ...problem, ...about })),
        )
      },
    }
    const result = await runReported(report, () => runDrill(drill)).finally(() => progress.end())
    const again = [
      'iapeer',
      'drill',
      '--count',
      `${count}`,
      '--concurrency',
      `${concurrency}`,
      '--seed',
      `${seed}`,
    ]
    if (kinds !== undefined) again.push('--kinds', kinds.join(','))
    if (options.mail) again.push('--mail')
    if (options.json) printJson(jsonOf(result))
    else print(resultText(result, commandText(again)))
    process.exitCode = exitCodeOf(result)
  },
})
