import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('canary', { workers: 4 })
