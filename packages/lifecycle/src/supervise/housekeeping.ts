import { reconcile } from '@iapeer/canary'
import { rootLayout, rootRecordLocation } from '@iapeer/core/paths'
import { sweepDirectoryTemporaries } from '@iapeer/core/storage'
import { restoreExitHooks } from '@iapeer/tmux'
import { sweepSessionDirectories } from '../launch/index.ts'
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
 */
export function housekeeping(
  root: string,
  {
    recorders,
    sessions,
  }: { readonly recorders: Recorders; readonly sessions: () => Promise<readonly PeerSession[]> },
): Readonly<Record<string, () => Promise<unknown>>> {
  const { lifecycleStateDir, launchDir, usageDir, records } = rootLayout(root)
  return {
    scripts: () => keepScripts(root),
    reconcile: () => reconcile(rootRecordLocation(root)),
    'kept watches': () => rearmKept(root),
    recorders: async () => recorders.replaceWatches(await sessions()),
    'pane logs': () => rotatePaneLogs(root),
    'times of pane logs': () => notePaneLogTimes(root, new Date()),
    sockets: () => sweepSockets(root),
    'session directories': () => sweepSessionDirectories(root),
    reserve: () => keepReserve(root),
    state: () => sweepDirectoryTemporaries(lifecycleStateDir),
    launches: () => sweepDirectoryTemporaries(launchDir),
    usage: () => sweepDirectoryTemporaries(usageDir),
    deaths: () => sweepDirectoryTemporaries(records.deathsDir),
    'state of recorders': () => recorders.refresh(),
  }
}
