#!/usr/bin/env node
import { isIapeerError } from '@iapeer/core/errors'
import { CommanderError } from 'commander'
import { closest } from './did-you-mean.ts'
import { EXIT, exitCodeOf, explain } from './exit-code.ts'
import { exitOnInterrupt, isInterrupted } from './interrupt.ts'
import { buildProgram } from './program.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has exited (head, a closed pager): no more output can be written, but the command finishes its work.
  if (error.code === 'EPIPE') return
  process.stderr.write(`iapeer: cannot write to standard output: ${error.message}\n`)
  process.exit(EXIT.failed)
})
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exitCode = EXIT.failed
})
exitOnInterrupt()

// `pnpm --filter cli start` runs in this package's directory; relative paths refer to the user's directory.
const { npm_package_name: owner, npm_lifecycle_event: script, INIT_CWD: startedIn } = process.env
if (owner === '@iapeer/cli' && script === 'start' && startedIn !== undefined) process.chdir(startedIn)

// `pnpm --filter cli start -- args` passes the `--` on.
const argv = process.argv.slice(2)
if (argv[0] === '--') argv.shift()
// The flag of earlier versions.
if (argv[0] === '-V') argv[0] = '--version'

/** Returns the peer that was probably meant, if a peer was not found. */
async function suggestion(error: unknown): Promise<string> {
  if (!isIapeerError(error) || error.code !== 'no-such-peer') return ''
  const names = await (await import('./commands/peers/peer-names.ts')).peerNames()
  if (argv.some((word) => names.includes(word))) return ''
  const found = argv
    .slice(1)
    .map((word) => closest(word, names))
    .find((name) => name !== undefined)
  return found === undefined ? '' : `  Did you mean ${found}?\n`
}

try {
  const peers =
    argv[0] === 'complete' ? await (await import('./commands/peers/peer-names.ts')).peerNames() : []
  await buildProgram(peers, argv).parseAsync(argv, { from: 'user' })
} catch (error) {
  // Commander has already printed its help or version.
  if (!(error instanceof CommanderError)) process.stderr.write(explain(error) + (await suggestion(error)))
  process.exitCode = exitCodeOf(error)
}
// A pending request to the daemon would keep this process running.
if (isInterrupted()) process.exit()
