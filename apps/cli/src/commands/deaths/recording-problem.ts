import { iapeerRoot } from '@iapeer/core/paths'
import { recordingProblem } from '@iapeer/lifecycle/fleet/status'
import { EXIT } from '../../exit-code.ts'

function report(problem: string): void {
  process.stderr.write(`iapeer: deaths may be missing here: ${problem}\n  Find out more: iapeer doctor\n`)
  process.exitCode = EXIT.failed
}

/**
 * Prints on standard error that deaths may be missing from the output, if so, and sets exit code 1.
 * @param settle records what is not recorded yet; resolves with the reason if something could not be written
 */
export async function reportRecordingProblem(settle?: () => Promise<string | undefined>): Promise<void> {
  const problem = await recordingProblem(iapeerRoot())
  if (problem !== undefined) report(problem)
  const unwritten = await settle?.()
  if (problem === undefined && unwritten !== undefined) report(unwritten)
}
