/**
 * Whether tests run all their rounds: `IAPEER_TEST_CAMPAIGNS` is `full`, as in the workflow of the packages. Otherwise the longest ones run
 * less, so that all tests take minutes.
 */
export const isFullCampaign = (env: NodeJS.ProcessEnv = process.env): boolean =>
  env['IAPEER_TEST_CAMPAIGNS'] === 'full'

/** Returns how often a test repeats an accident: a fifth of the full number, or {@link isFullCampaign} the full number. */
export const campaignSize = (full: number): number => (isFullCampaign() ? full : Math.ceil(full / 5))

/** Returns the cases of a test that repeats the same steps for many: every fifth one, beginning with the first, or {@link isFullCampaign} all. */
export const campaignCases = <Case>(cases: readonly Case[]): Case[] =>
  cases.filter((_, at) => isFullCampaign() || at % 5 === 0)
