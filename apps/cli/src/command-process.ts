import { EXIT } from './exit-code.ts'
import { exitOnInterrupt } from './interrupt.ts'

/** Prepares this process for a command: what a closed output and Ctrl-C do. */
export function prepareProcess(): void {
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
}
