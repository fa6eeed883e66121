// Runs continuous integration: the README's test command and `pnpm check` (without the check of what is published, which the
// workflow of the packages makes). The check begins once the tests have begun: they leave a fifth of
// the processor time. Prints all output, that of the checks at the end; the last line is `N passed, N failed`, in which a failure
// without a failed test counts as one.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** What the test command prints when all is installed and built. */
const BUILT = /Running test in \d+ packages/

/** Runs a command until it exits. @param onOutput gets each piece of its output */
function run(file, args, onOutput) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let last = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      // The counts are in the last line, and the lines before it name what failed.
      last = (last + chunk).slice(-10_000)
      onOutput(chunk, last)
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, last }))
  })
}

let checkOutput = ''
let checking
function check() {
  checking ??= run(
    process.execPath,
    [fileURLToPath(new URL('run.mjs', import.meta.url)), 'check', '--without-packages'],
    (chunk) => {
      checkOutput += chunk
    },
  )
  return checking
}

const tests = await run('npm', ['test'], (chunk, last) => {
  process.stdout.write(chunk)
  if (BUILT.test(last)) void check()
})
const checks = await check()
process.stdout.write(checkOutput)

const [, passed = 0, failed = 0] =
  /^(\d+) passed, (\d+) failed$/m.exec(tests.last.trimEnd().split('\n').at(-1)) ?? []
const failedTests = tests.code !== 0 && Number(failed) === 0 ? 1 : Number(failed)
const failures = failedTests + (checks.code === 0 ? 0 : 1)
const what = tests.last.slice(Math.max(0, tests.last.lastIndexOf('\nwhat failed:\n')))
if (tests.code !== 0) process.stdout.write(`\nthe tests failed\n${what.includes('what failed:') ? what : ''}`)
if (checks.code !== 0) process.stdout.write('\nthe checks failed (pnpm check)\n')
process.stdout.write(`\n${passed} passed, ${failures} failed\n`)
process.exitCode = failures === 0 ? 0 : 1
