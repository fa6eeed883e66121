import { packageTests } from '../../packages/dev/src/test-config.ts'

export default packageTests('cli', { workers: 4 })
