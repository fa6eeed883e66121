export { inBothModes, RECORDER_KINDS, type RecorderKind } from './acts/index.ts'
export { type RecorderCampaignOptions, type RecorderCampaignResult, runRecorderCampaign } from './campaign.ts'
