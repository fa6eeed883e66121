import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('canary', {
  workers: 4,
  longest: ['intent.test.ts', 'witness.test.ts', 'alone.test.ts', 'arming.test.ts'],
})
