/** Types of the campaign for the test that runs a small one. */
export interface CampaignResult {
  readonly faults: readonly object[]
  readonly deaths: number
  readonly done: number
  readonly directory: string
}
export function runCampaign(options: {
  acts: number
  servers: number
  seed: number
  only?: readonly string[]
}): Promise<CampaignResult>
