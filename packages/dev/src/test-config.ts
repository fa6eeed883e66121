import { basename } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const DIRECTORY_OF_RUN = new URL('./no-leftovers.ts', import.meta.url).pathname

/** What is built in this repository. */
const BUILT = [/\/(?:packages|apps)\/[^/]+\/dist\//]

/** The programs of other makers that a test needs: docs/compatibility.md counts the tests of each. */
const TAGS = [
  { name: 'claude', description: 'runs the real Claude Code' },
  { name: 'codex', description: 'runs the real Codex' },
]

/** The options of every test file. */
const PER_FILE = {
  tags: TAGS,
  testTimeout: 30_000,
  hookTimeout: 30_000,
  pool: 'forks',
  // Files that run in the same worker share its modules: loading them anew for each file takes a sixth of the time of a run.
  isolate: false,
  // Node.js loads what is built as it is; the transformation is for sources.
  server: { deps: { external: BUILT } },
  // Shared build machines stall for seconds, so a test fails only if it fails twice. The report names retried tests.
  retry: process.env['CI'] === undefined ? 0 : 1,
  // A daemon outlives the process that started it, so tests start one explicitly.
  env: { IAPEER_DAEMON_AUTOSTART: 'off' },
} as const

/** Returns a sequencer that begins with some files, so that none of the longest ones runs alone at the end. */
const beginningWith = (names: readonly string[]) =>
  class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const sorted = await super.sort(files)
      const isFirst = ({ moduleId }: TestSpecification): boolean => names.includes(basename(moduleId))
      return [...sorted.filter(isFirst), ...sorted.filter((one) => !isFirst(one))]
    }
  }

/** How the test files of a package run. */
interface RunOptions {
  /** How many files run at a time. Four suit tests that wait more than they compute. @default 3 */
  readonly workers?: number
  /** The files that other tests would disturb: each runs alone, after the other files. @default none */
  readonly alone?: readonly string[]
  /** The names of the files that take longest; they run first. @default none */
  readonly longest?: readonly string[]
}

/** Returns the vitest configuration of a package. `npm test` counts the tests in the JSON report. */
export function packageTests(name: string, { workers = 3, alone = [], longest = [] }: RunOptions = {}) {
  const include = ['test/**/*.test.ts']
  const together = { ...PER_FILE, name, include, exclude: [...alone], maxWorkers: workers }
  const last = { sequence: { groupOrder: 1 } }
  const oneByOne = { ...PER_FILE, ...last, name: `${name} alone`, include: [...alone], maxWorkers: 1 }
  return defineConfig({
    test: {
      globalSetup: [DIRECTORY_OF_RUN],
      sequence: { sequencer: beginningWith(longest) },
      teardownTimeout: 20_000,
      reporters: ['default', 'json'],
      outputFile: { json: 'node_modules/.cache/test-report.json' },
      projects: [together, ...(alone.length === 0 ? [] : [oneByOne])].map((test) => ({ test })),
    },
  })
}
