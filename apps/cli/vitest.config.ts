import { packageTests } from '../../packages/dev/src/test-config.ts'

export default packageTests('cli', {
  workers: 4,
  longest: [
    'daemon.test.ts',
    'sessions.test.ts',
    'install.test.ts',
    'list-watch.test.ts',
    'uninstall.test.ts',
    'completion.test.ts',
    'reading.test.ts',
    'drill.test.ts',
  ],
})
