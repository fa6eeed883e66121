import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('lifecycle', { workers: 4 })
