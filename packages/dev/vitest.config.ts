import { packageTests } from './src/test-config.ts'

export default packageTests('dev')
