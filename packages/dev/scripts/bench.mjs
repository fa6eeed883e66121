// Measures iapeer and writes docs/benchmarks.md with its plots from one run. Exits with 0 if everything was measured or skipped with a
// reason, with 1 if a measurement failed (then the old report stays), with 2 for wrong arguments, with 130 if it was interrupted.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runBenchmarks } from '../bench/compose.mjs'
import { describeMachine } from '../bench/machine.mjs'
import { MEASUREMENTS } from '../bench/measurements.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const NAMES = MEASUREMENTS.map(({ name }) => name)
const USAGE = `Usage: pnpm bench [options]

Measures iapeer for about ten minutes and writes docs/benchmarks.md and docs/images/benchmarks. Run it on an idle machine.

Options:
  --only <name>    measure only this, with --out; can be given several times:
                   ${NAMES.join(', ')}
  --quick          small sizes, with --out: shows that the measurements work, and nothing about speed
  --out <dir>      write the report to this directory, not to docs
  --alternatives   also measure pm2, supervisor and s6: downloads them from npm and from the packages of Debian
  --help           print this text
`

/** Returns the options, or why they are wrong. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        quick: { type: 'boolean', default: false },
        out: { type: 'string' },
        alternatives: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const unknown = values.only?.find((name) => !NAMES.includes(name))
    if (unknown !== undefined) return { wrong: `--only "${unknown}": expected one of ${NAMES.join(', ')}` }
    if (values.out === undefined && (values.quick || values.only !== undefined))
      return { wrong: 'a run with --only or --quick does not replace docs: give it a directory with --out' }
    return { values }
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS')) throw error
    return { wrong: error.message }
  }
}

const { values, wrong } = readOptions()
if (wrong !== undefined) {
  process.stderr.write(`${wrong}\nSee: pnpm bench --help\n`)
  process.exit(2)
}
if (values.help) {
  process.stdout.write(USAGE)
  process.exit()
}
if (values.alternatives)
  process.stderr.write('--alternatives downloads pm2, supervisor and s6 to a temporary directory\n')

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => interrupted.abort())
// `pnpm bench` may run in a daemon's or a peer's environment: its settings would change what is measured.
for (const name of Object.keys(process.env)) if (name.startsWith('IAPEER_')) delete process.env[name]
const out = values.out ?? join(root, 'docs')
const flags = values.alternatives ? ['alternatives'] : []
const { path, failed } = await runBenchmarks({
  measurements: MEASUREMENTS.filter(({ name }) => values.only?.includes(name) ?? true),
  machine: await describeMachine(root),
  out,
  failedOut:
    values.out === undefined ? join(root, 'node_modules', '.cache', 'benchmarks') : join(out, 'failed'),
  command: ['pnpm bench', ...flags.map((flag) => `--${flag}`), ...(values.quick ? ['--quick'] : [])].join(
    ' ',
  ),
  cwd: root,
  isQuick: values.quick,
  flags,
  signal: interrupted.signal,
})
if (path === undefined) {
  process.stderr.write('interrupted; nothing is written\n')
  process.exit(130)
}
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}. ${join(out, 'benchmarks.md')} is as it was\n`)
  process.exitCode = 1
}
process.stdout.write(`${path}\n`)
