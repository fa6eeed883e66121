#!/usr/bin/env node
import { runCommand } from './commands.ts'
import { USAGE, UsageError } from './usage.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader (head, a pager) closed the pipe.
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`iapeer-canary: cannot write to standard output: ${error.message}\n`)
  process.exit(1)
})

try {
  process.exitCode = await runCommand(process.argv.slice(2))
} catch (error) {
  const usage = error instanceof UsageError
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`iapeer-canary: ${message}\n${usage ? `\n${USAGE}` : ''}`)
  process.exitCode = usage ? 2 : 1
}
