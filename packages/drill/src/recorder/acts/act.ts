import { drillFailed } from '../../errors.ts'
import type { Expected } from '../../expected.ts'
import type { Random } from '../../random.ts'
import type { RecordedServer } from '../../servers/recorded-server.ts'
import { type RecorderState, recorderOf } from '../../servers/recorder-state.ts'

/** What an act did. */
export interface Done {
  readonly expected: Expected
  /** The server under a second identity, if it was watched under one. */
  readonly alsoAs?: RecordedServer
}

/** What is done to a server, which must be gone afterwards. */
export type RecorderAct = (recorded: RecordedServer, random: Random) => Promise<Done>

/** The causes that the recorder of a watch gives. */
export const WATCH = {
  killed: 'server-vanished',
  exited: 'signaled-server-gone',
  swept: 'client-killed-server-gone',
} as const

/** If a recorder or its client is disturbed, the client may see any of these. */
export const ANY_WATCH = Object.values(WATCH)
export const LOST = 'recorder-lost'

const EVENT = { event: 'server-exit', runs: 'no' } as const

/** One record, with one of these causes. */
export const once = (...causes: readonly string[]): Done => ({
  expected: { ...EVENT, records: [1], causes },
})
/** No record. */
export const silent: Done = { expected: { ...EVENT, records: [0] } }
/** One record with one of these causes, or none. */
export const either = (...causes: readonly string[]): Done => ({
  expected: { ...EVENT, records: [0, 1], causes },
})

/** Returns the cause of a death by signal, as the recorder of this mode sees it. */
export const bySignal = ({ mode }: RecordedServer, guardCause: string): string =>
  mode === 'guard' ? guardCause : WATCH.killed

/** Returns the causes of an exit, as the recorder of this mode sees it. */
export const byExit = ({ mode }: RecordedServer, ...guardCauses: readonly string[]): readonly string[] =>
  mode === 'guard' ? guardCauses : [WATCH.exited]

export const signal = ({ site, server }: RecordedServer, name: NodeJS.Signals): Promise<void> =>
  site.processes.signal(server, name)

/** Returns the recorder of a server, and the client that it holds. @throws IapeerError `drill-failed` */
export async function recorderNow(
  recorded: RecordedServer,
): Promise<RecorderState & { readonly recorder: NonNullable<RecorderState['recorder']> }> {
  const state = await recorderOf(recorded)
  if (state?.recorder === undefined) throw drillFailed(`${recorded.identity} has no recorder`)
  return { ...state, recorder: state.recorder }
}
