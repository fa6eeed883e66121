import type { RecordedServer } from '../../servers/recorded-server.ts'
import type { RecorderAct } from './act.ts'
import { INTENT_ACTS } from './intents.ts'
import { RECORDER_ACTS } from './recorders.ts'
import { SERVER_ACTS } from './servers.ts'

/** An act on a server with a recorder of one mode. */
export interface RecorderKind {
  /** `sigkill`. */
  readonly name: string
  readonly mode: RecordedServer['mode']
  readonly act: RecorderAct
}

/** Returns an act in both modes. */
export const inBothModes = (name: string, act: RecorderAct): readonly RecorderKind[] =>
  (['guard', 'watch'] as const).map((mode) => ({ name, mode, act }))

/** Every act, in both modes. */
export const RECORDER_KINDS: readonly RecorderKind[] = Object.entries<RecorderAct>({
  ...SERVER_ACTS,
  ...RECORDER_ACTS,
  ...INTENT_ACTS,
}).flatMap(([name, act]) => inBothModes(name, act))
