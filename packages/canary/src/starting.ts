/** Everything that arms a watch or starts a server. Loaded as one chunk, on first use. */

export { scopeProblem } from './guard/scope.ts'
export { startGuardedServer } from './guard/start-guarded.ts'
export { armWatch } from './watch/arm-watch.ts'
