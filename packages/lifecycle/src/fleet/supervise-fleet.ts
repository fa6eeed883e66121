import { FleetSupervisor, type SupervisorOptions } from '../supervise/index.ts'
import { finishRename } from './rename.ts'

/** Creates the supervisor of a root, which also finishes an interrupted rename. @throws IapeerError `bad-setting` */
export const superviseFleet = (
  root: string,
  options: Omit<SupervisorOptions, 'chores'> = {},
): FleetSupervisor =>
  new FleetSupervisor(root, {
    ...options,
    chores: {
      rename: async () => {
        await finishRename(root)
      },
    },
  })
