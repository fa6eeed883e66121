import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('drill', { workers: 2 })
