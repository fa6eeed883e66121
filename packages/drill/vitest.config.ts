import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('drill', { workers: 2, longest: ['drill.test.ts', 'recorder-campaign.test.ts'] })
