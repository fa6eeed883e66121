import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { rootLayout } from '@iapeer/core/paths'

/** Returns the path of the file of a rename in progress. */
export const renamePendingPath = (root: string): string =>
  join(rootLayout(root).records.stateDir, 'rename.pending')

/** Returns whether a rename was begun and is not finished. */
export const isRenamePending = (root: string): boolean => existsSync(renamePendingPath(root))
