import { packageTests } from '../dev/src/test-config.ts'

export default packageTests('tmux', { workers: 4 })
