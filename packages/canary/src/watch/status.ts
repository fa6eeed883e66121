import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses, readBoot } from '@iapeer/core/process'
import { currentName } from '../records/generation-name.ts'
import { type CanaryOptions, checkedLayout, checkedLocation, type RecordOptions } from '../records/options.ts'
import { type CanaryRecord, isDismissed, readCanaryRecords } from '../records/state-file.ts'

/** One watched generation, as it is now. */
export interface CanaryInfo {
  /** What it is called now: `<runtime>-<personality>`, for example `claude-bob`. */
  readonly identity: string
  /** What its files are named after: the identity that it was started with. */
  readonly recordedAs: string
  /** 16 hex digits: one life of one server. */
  readonly gen: string
  /** `guard`: the server is the child of its recorder. `watch`: the recorder watches a server that ran already. */
  readonly mode: 'watch' | 'guard'
  /**
   * `armed`: a recorder is at work. `dismissed`: a guard that will record nothing. `lost`: the server lives and its recorder
   * does not. `ended`: the server is dead and its end is not settled yet. `unknown`: its processes cannot be looked at.
   */
  readonly state: 'armed' | 'dismissed' | 'lost' | 'ended' | 'unknown'
  /** Path of the server's socket. */
  readonly socketPath: string
  /** The process id of the tmux server. */
  readonly serverPid: number
  /** The process id of the recorder. */
  readonly recorderPid: number
  /** The version of its recorder's files; one of 1 cannot follow a rename. */
  readonly format: number
}

/** The watch of one identity. */
export type CanaryStatus =
  | CanaryInfo
  | {
      /** No generation of that identity is watched. */
      readonly state: 'none'
    }

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

async function inspect(layout: RecordLayout): Promise<CanaryInfo[]> {
  const { records } = readCanaryRecords(layout)
  if (records.length === 0) return []
  const boot = await readBoot()
  return Promise.all(records.map((record) => inform(layout, boot, record)))
}

/**
 * Returns every watched generation under one record directory, sorted by identity. Reads only.
 * @throws IapeerError `invalid-path`; Node system errors when the directory cannot be read
 */
export async function listCanaries(options: RecordOptions): Promise<CanaryInfo[]> {
  const found = await inspect(checkedLayout(options))
  return found.sort((a, b) => a.identity.localeCompare(b.identity) || a.gen.localeCompare(b.gen))
}

/**
 * Returns the watch of an identity as it is called now; of several generations, the one that lives. Reads only.
 * @throws IapeerError `invalid-identity`, `invalid-path`; Node system errors when the directory cannot be read
 */
export async function canaryStatus(options: CanaryOptions): Promise<CanaryStatus> {
  const { identity, layout } = checkedLocation(options)
  const found = (await inspect(layout)).filter((one) => one.identity === identity)
  found.sort((a, b) => ORDER[a.state] - ORDER[b.state])
  return found[0] ?? { state: 'none' }
}
