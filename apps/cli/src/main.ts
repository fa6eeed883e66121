#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf, explain } from './exit-code.ts'
import { exitOnInterrupt, isInterrupted } from './interrupt.ts'
import { buildProgram } from './program.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader left (head, a closed pager): nothing more can be said to it, but what was begun is finished.
  if (error.code === 'EPIPE') return
  process.stderr.write(`iapeer: cannot write what was asked for: ${error.message}\n`)
  process.exit(EXIT.failed)
})
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exitCode = EXIT.failed
})
exitOnInterrupt()

// `pnpm --filter cli start` runs in this package's directory; relative paths mean the person's.
const { npm_package_name: owner, npm_lifecycle_event: script, INIT_CWD: startedIn } = process.env
if (owner === '@iapeer/cli' && script === 'start' && startedIn !== undefined) process.chdir(startedIn)

// `pnpm --filter cli start -- args` hands the `--` on.
const argv = process.argv.slice(2)
if (argv[0] === '--') argv.shift()

try {
  const peers =
    argv[0] === 'complete' ? await (await import('./commands/peers/peer-names.ts')).peerNames() : []
  await buildProgram(peers).parseAsync(argv, { from: 'user' })
} catch (error) {
  // Commander has printed its own message, help or version already.
  if (!(error instanceof CommanderError)) process.stderr.write(explain(error))
  process.exitCode = exitCodeOf(error)
}
// A request that the daemon is still working on would keep this process running.
if (isInterrupted()) process.exit()
