import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses, readBoot } from '@iapeer/core/process'
import { currentName } from './generation-name.ts'
import { type CanaryOptions, checkedLayout, checkedPlace, type RecordOptions } from './place.ts'
import { type CanaryRecord, isDismissed, readCanaryRecords } from './state-file.ts'

/** One watched generation, as it is now. */
export interface CanaryInfo {
  /** What it is called now. */
  readonly identity: string
  /** What its files are named after: the identity that it was started with. */
  readonly recordedAs: string
  readonly gen: string
  readonly mode: 'watch' | 'guard'
  /** `armed`; `dismissed`: a guard that will say nothing; `lost`: the server lives and its recorder does not; `ended`: the server is dead and not settled yet. */
  readonly state: 'armed' | 'dismissed' | 'lost' | 'ended' | 'unknown'
  readonly socketPath: string
  readonly serverPid: number
  readonly recorderPid: number
  /** The version of its recorder's files; one of 1 cannot follow a rename. */
  readonly format: number
}

export type CanaryStatus = CanaryInfo | { readonly state: 'none' }

const ORDER = { armed: 0, dismissed: 1, lost: 2, unknown: 3, ended: 4 } as const

async function inform(layout: RecordLayout, boot: string, record: CanaryRecord): Promise<CanaryInfo> {
  const [server, recorder] = await observeProcesses([record.server, record.recorder])
  let state: CanaryInfo['state'] = 'armed'
  if (record.boot !== boot || server === 'gone') state = 'ended'
  else if (server === 'unknown' || recorder === 'unknown') state = 'unknown'
  else if (recorder === 'gone') state = 'lost'
  else if (isDismissed(layout, record)) state = 'dismissed'
  const { identity: recordedAs, gen, mode, socketPath, format } = record
  return {
    identity: currentName(layout, gen) ?? recordedAs,
    recordedAs,
    gen,
    mode,
    state,
    socketPath,
    serverPid: record.server.pid,
    recorderPid: record.recorder.pid,
    format,
  }
}

async function inspect(layout: RecordLayout, identity?: string): Promise<CanaryInfo[]> {
  const { records } = readCanaryRecords(layout, identity)
  if (records.length === 0) return []
  const boot = await readBoot()
  return Promise.all(records.map((record) => inform(layout, boot, record)))
}

/** Every watched generation under one record folder, sorted by identity. Reads only. */
export async function listCanaries(options: RecordOptions): Promise<CanaryInfo[]> {
  const found = await inspect(checkedLayout(options))
  return found.sort((a, b) => a.identity.localeCompare(b.identity) || a.gen.localeCompare(b.gen))
}

/** The watch of one identity; when there are several generations, the one that lives. Reads only. */
export async function canaryStatus(options: CanaryOptions): Promise<CanaryStatus> {
  const { identity, layout } = checkedPlace(options)
  const found = await inspect(layout, identity)
  found.sort((a, b) => ORDER[a.state] - ORDER[b.state])
  return found[0] ?? { state: 'none' }
}
