import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('lifecycle', {
  workers: 4,
  longest: [
    'real-agents.test.ts',
    'mail-oracle.test.ts',
    'blocked.test.ts',
    'supervise.test.ts',
    'rename.test.ts',
    'boot.test.ts',
    'resume.test.ts',
    'claude-mail.test.ts',
    'fleet.test.ts',
    'turns-agents.test.ts',
  ],
})
