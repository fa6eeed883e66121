/** All that begins a watch or starts a server: loaded together, and only when something is to be begun. */
export { armWatch } from './arm-watch.ts'
export { startGuardedServer } from './start-guarded.ts'
