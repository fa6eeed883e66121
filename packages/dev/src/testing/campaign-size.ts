/**
 * Returns how often a test repeats an accident: a third of the full number, so that all tests take minutes, or the full number if
 * `IAPEER_TEST_CAMPAIGNS` is `full`, as in the workflow of the packages.
 * @param full the full number
 */
export const campaignSize = (full: number, env: NodeJS.ProcessEnv = process.env): number =>
  env['IAPEER_TEST_CAMPAIGNS'] === 'full' ? full : Math.ceil(full / 3)
