/** How many rounds a campaign of resumes has, and the seed of what happens in them. */
export interface ResumeRounds {
  readonly rounds: number
  readonly seed: number
}

/** Reads `IAPEER_TEST_RESUMES`: `<rounds> <seed>`; undefined unless it is set, as by a campaign. */
export function resumeRounds(env: NodeJS.ProcessEnv = process.env): ResumeRounds | undefined {
  const [rounds, seed] = (env['IAPEER_TEST_RESUMES'] ?? '').split(' ').map(Number)
  return rounds === undefined || seed === undefined ? undefined : { rounds, seed }
}
