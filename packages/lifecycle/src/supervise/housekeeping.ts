import { reconcile } from '@iapeer/canary'
import type { Sparing } from '@iapeer/core/async'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { sweepDirectoryTemporaries } from '@iapeer/core/storage'
import { restoreExitHooks } from '@iapeer/tmux'
import { sweepSessionsSparingly } from '../launch/index.ts'
import { sweepSockets } from '../reap/index.ts'
import { keepReserve, type PeerSession } from '../sessions/index.ts'
import { touchRecorderFiles } from './keep-files.ts'
import { rearmKept } from './kept-watches.ts'
import { notePaneLogTimes } from './pane-log-times.ts'
import { rotatePaneLogs } from './pane-logs.ts'
import type { Recorders } from './recorders.ts'

/** Writes removed scripts of running recorders again, and keeps cleaners of old files from removing them. */
async function keepScripts(root: string): Promise<void> {
  await restoreExitHooks(rootRecordLocation(root))
  await touchRecorderFiles(root)
}

/**
 * Returns what a supervisor does in each tick besides the peers, in this order: it records deaths that no recorder has recorded,
 * and keeps recorders, scripts and files. The keys name the steps in errors. On a full disk some of them fail, and the others go on.
 * Those that look at the files of every peer there ever was are left out in some ticks where that takes long.
 */
export function housekeeping(
  root: string,
  {
    recorders,
    sessions,
    sparing,
  }: {
    readonly recorders: Recorders
    readonly sessions: () => Promise<readonly PeerSession[]>
    readonly sparing: Sparing
  },
): Readonly<Record<string, () => Promise<unknown>>> {
  const { lifecycleStateDir, launchDir, usageDir, records } = rootLayout(root)
  return {
    scripts: () => keepScripts(root),
    reconcile: () => reconcile(rootRecordLocation(root)),
    'kept watches': () => rearmKept(root),
    recorders: async () => recorders.replaceWatches(await sessions()),
    'pane logs': () => sparing.run('pane logs', () => rotatePaneLogs(root)),
    'times of pane logs': () => sparing.run('times', () => notePaneLogTimes(root, new Date())),
    sockets: () => sweepSockets(root),
    'session directories': () => sweepSessionsSparingly(root),
    reserve: () => keepReserve(root),
    state: () => sweepDirectoryTemporaries(lifecycleStateDir),
    launches: () => sweepDirectoryTemporaries(launchDir),
    usage: () => sweepDirectoryTemporaries(usageDir),
    deaths: () => sweepDirectoryTemporaries(records.deathsDir),
    'state of recorders': () => recorders.refresh(),
  }
}
