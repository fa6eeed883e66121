import type { RecordLayout } from '@iapeer/core/paths'
import { observeProcesses, readBoot } from '@iapeer/core/process'
import { currentName } from '../records/generation-name.ts'
import { type CanaryOptions, checkedLayout, checkedLocation, type RecordOptions } from '../records/options.ts'
import { type CanaryRecord, isDismissed, readCanaryRecords } from '../records/state-file.ts'

/** The present state of one watched generation. */
export interface CanaryInfo {
  /** Its present identity: `<runtime>-<personality>`, for example `claude-bob`. */
  readonly identity: string
  /** The identity that it was started with, which its files are named after. */
  readonly recordedAs: string
  /** 16 hex digits: one run of one server. */
  readonly gen: string
  /** `guard`: the recorder started the server as its child. `watch`: the recorder watches a server that was already running. */
  readonly mode: 'watch' | 'guard'
  /**
   * `armed`: its recorder is running. `dismissed`: a guard that will record nothing. `lost`: the server is running, its
   * recorder is not. `ended`: the server is dead and its death is not settled yet. `unknown`: its processes cannot be observed.
   */
  readonly state: 'armed' | 'dismissed' | 'lost' | 'ended' | 'unknown'
  /** Path of the server's socket. */
  readonly socketPath: string
  /** The process id of the tmux server. */
  readonly serverPid: number
  /** The process id of the recorder. */
  readonly recorderPid: number
  /** The format of its recorder's files; a recorder of format 1 does not notice a rename. */
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

async function describe(layout: RecordLayout, boot: string, record: CanaryRecord): Promise<CanaryInfo> {
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
  return Promise.all(records.map((record) => describe(layout, boot, record)))
}

/**
 * Returns every watched generation under one record directory, sorted by identity. Read-only.
 * @throws IapeerError `invalid-path`; Node system errors when the directory cannot be read
 */
export async function listCanaries(options: RecordOptions): Promise<CanaryInfo[]> {
  const found = await inspect(checkedLayout(options))
  return found.sort((a, b) => a.identity.localeCompare(b.identity) || a.gen.localeCompare(b.gen))
}

/**
 * Returns the watch of an identity, by its present name; of several generations, a running one first. Read-only.
 * @throws IapeerError `invalid-identity`, `invalid-path`; Node system errors when the directory cannot be read
 */
export async function canaryStatus(options: CanaryOptions): Promise<CanaryStatus> {
  const { identity, layout } = checkedLocation(options)
  const found = (await inspect(layout)).filter((one) => one.identity === identity)
  found.sort((a, b) => ORDER[a.state] - ORDER[b.state])
  return found[0] ?? { state: 'none' }
}
