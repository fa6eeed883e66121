import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { RecordPlace } from './record-layout.ts'

/** The root folder: `$IAPEER_ROOT`, else `~/.iapeer`. */
export function iapeerRoot(env: NodeJS.ProcessEnv = process.env): string {
  const set = env['IAPEER_ROOT']
  return set === undefined || set === '' ? join(homedir(), '.iapeer') : resolve(set)
}

/** Where the recorders of a root keep their files. */
export function rootRecordPlace(root: string): Required<RecordPlace> {
  return { recordDir: join(root, 'logs', 'iapeer'), stateDir: join(root, 'state'), libDir: join(root, 'lib') }
}
