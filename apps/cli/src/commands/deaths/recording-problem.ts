import { iapeerRoot } from '@iapeer/core/paths'
import { recordingProblem } from '@iapeer/lifecycle/fleet/status'
import { EXIT } from '../../exit-code.ts'

/** Prints on standard error that deaths may be missing from the output, if so, and sets exit code 1. */
export async function reportRecordingProblem(): Promise<void> {
  const problem = await recordingProblem(iapeerRoot())
  if (problem === undefined) return
  process.stderr.write(`iapeer: deaths may be missing here: ${problem}\n  Find out more: iapeer doctor\n`)
  process.exitCode = EXIT.failed
}
