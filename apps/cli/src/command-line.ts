import { isIapeerError } from '@iapeer/core/errors'
import { CommanderError } from 'commander'
import { prepareProcess } from './command-process.ts'
import { closest } from './did-you-mean.ts'
import { EXIT, exitCodeOf, explain } from './exit-code.ts'
import { isInterrupted } from './interrupt.ts'
import { buildProgram } from './program.ts'

/** Returns the peer that was probably meant, if a peer was not found. */
async function suggestion(error: unknown, argv: readonly string[]): Promise<string> {
  if (!isIapeerError(error) || error.code !== 'no-such-peer') return ''
  const names = await (await import('./commands/peers/peer-names.ts')).peerNames()
  if (argv.some((word) => names.includes(word))) return ''
  const found = argv
    .slice(1)
    .map((word) => closest(word, names))
    .find((name) => name !== undefined)
  return found === undefined ? '' : `  Did you mean ${found}?\n`
}

/** Commander has already printed its help or version; its other errors are thrown as errors of iapeer. */
async function fail(error: unknown, argv: readonly string[]): Promise<void> {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
    return
  }
  process.stderr.write(explain(error) + (await suggestion(error, argv)))
  process.exitCode = exitCodeOf(error)
}

/** Runs any command line. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  prepareProcess()
  try {
    const peers =
      argv[0] === 'complete' ? await (await import('./commands/peers/peer-names.ts')).peerNames() : []
    await (await buildProgram(peers, argv)).parseAsync(argv, { from: 'user' })
  } catch (error) {
    await fail(error, argv)
  }
  // A pending request to the daemon would keep this process running.
  if (isInterrupted()) process.exit()
}
