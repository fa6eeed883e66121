import { packageTests } from '../../packages/dev/src/test-config.ts'

// A service manager gives a daemon seconds to answer, and other tests keep every processor busy.
export default packageTests('daemon', {
  workers: 4,
  alone: ['test/service-systemd.test.ts'],
  longest: ['process.test.ts', 'problems.test.ts', 'notified-deaths.test.ts'],
})
