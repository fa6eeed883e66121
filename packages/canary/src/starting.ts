/** All that starts processes: loaded together, and only when something is to be started. */
export { armWatch } from './arm-watch.ts'
export { runTool, scriptEnv } from './spawn.ts'
export { startGuardedServer } from './start-guarded.ts'
