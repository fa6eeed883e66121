// Runs continuous integration: the README's test command, then `pnpm check` without the check of what is published, which the workflow
// makes. Prints all output; the last line is `N passed, N failed`, in which a failure without a failed test counts as one.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Runs a command until it exits, and prints its output. */
function run(file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let last = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      process.stdout.write(chunk)
      // The counts are in the last line, and the lines before it name what failed.
      last = (last + chunk).slice(-10_000)
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, last }))
  })
}

const tests = await run('npm', ['test'])
const CHECK = [fileURLToPath(new URL('run.mjs', import.meta.url)), 'check', '--without-packages']
const checks = await run(process.execPath, CHECK)

const [, passed = 0, failed = 0] =
  /^(\d+) passed, (\d+) failed$/m.exec(tests.last.trimEnd().split('\n').at(-1)) ?? []
const failedTests = tests.code !== 0 && Number(failed) === 0 ? 1 : Number(failed)
const failures = failedTests + (checks.code === 0 ? 0 : 1)
const what = tests.last.slice(Math.max(0, tests.last.lastIndexOf('\nwhat failed:\n')))
if (tests.code !== 0) process.stdout.write(`\nthe tests failed\n${what.includes('what failed:') ? what : ''}`)
if (checks.code !== 0) process.stdout.write('\nthe checks failed (pnpm check)\n')
process.stdout.write(`\n${passed} passed, ${failures} failed\n`)
process.exitCode = failures === 0 ? 0 : 1
