/** All that begins a watch or starts a server: loaded together, and only when something is to be begun. */
export { startGuardedServer } from './guard/start-guarded.ts'
export { armWatch } from './watch/arm-watch.ts'
