import { type FSWatcher, statSync, watch } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { readLog } from '@iapeer/core/storage'
import { checkedLayout, type RecordOptions } from './options.ts'

/** One recorded death: a line of exits.log. What is not known is undefined. */
export interface Death {
  /** `<identity>-<gen>`: names this death for ever. */
  readonly id: string
  /** ISO-8601 UTC: the time of death; with `seenAlive`, the time at which it was found. */
  readonly ts: string
  /** ISO-8601 UTC: when the process was last seen alive, if the time of death is not known. */
  readonly seenAlive: string | undefined
  /** `server-exit`: a tmux server. `session-exit`: the program of a session that `@iapeer/tmux` started. */
  readonly event: 'server-exit' | 'session-exit'
  /** What it was called when it died: `<runtime>-<personality>`. */
  readonly identity: string
  /** 16 hex digits: one life of one server. */
  readonly gen: string
  /** `killed`, `server-vanished`, ...: the README has the list. Undefined for most sessions. */
  readonly cause: string | undefined
  /** `guard`: the recorder was the parent of the server. `watch`: it watched it. `none`: no recorder saw the end. */
  readonly mode: 'guard' | 'watch' | 'none' | undefined
  /** `SIGKILL`, ...: the signal that ended it, if that is known. */
  readonly signal: string | undefined
  /** 0 to 255. Of a guarded server its wait status, of a watched one the exit code of the watching client, of a session its exit code. */
  readonly status: number | undefined
  /** The process id of the server or of the session's program. */
  readonly pid: number | undefined
  /** Absolute path of the snapshot of the system; undefined for a session that exited with 0. */
  readonly snapshotPath: string | undefined
}

/** Which deaths {@link readDeaths} returns. */
export interface ReadDeathsOptions extends RecordOptions {
  /** Only those at or after this time. @default all that are kept: 6 files of 5 MiB */
  readonly since?: Date
}

/** Where a record begins: a full disk tears lines and merges them, so it may stand inside a line. */
const BEGINNING = /\n|(?=ts=\d{4}-\d\d-\d\dT[\d:.]+Z ev=(?:server|session)-exit )/

const some = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined

const MODES = ['guard', 'watch', 'none'] as const

/** Reads one line; undefined for one that is still being written, torn or foreign. */
function parseDeath(line: string): Death | undefined {
  const { fields, torn } = parseLogfmt(line)
  const { ts = '', ev, identity, gen, forensics, mode } = fields
  if (torn || identity === undefined || gen === undefined || Number.isNaN(Date.parse(ts))) return undefined
  const common = {
    id: `${identity}-${gen}`,
    ts,
    seenAlive: some(fields['seen_alive']),
    identity,
    gen,
    cause: some(fields['cause']),
    mode: MODES.find((known) => known === mode),
    snapshotPath: some(forensics),
  }
  // The last field of each kind tells whether the line is whole.
  if (ev === 'server-exit' && forensics?.endsWith('.txt') === true) {
    const [status, pid] = [numberOf(fields['wait_rc']), numberOf(fields['server_pid'])]
    return { ...common, event: ev, signal: some(fields['signal']), status, pid }
  }
  if (ev !== 'session-exit' || fields['recorder'] !== 'hook') return undefined
  const [status, pid] = [numberOf(fields['dead_status']), numberOf(fields['leader_pid'])]
  return { ...common, event: ev, signal: some(fields['dead_signal']), status, pid }
}

function deathsIn(path: string): Death[] {
  const byId = new Map<string, Death>()
  for (const line of readLog(path).split(BEGINNING)) {
    const death = parseDeath(line)
    if (death !== undefined && !byId.has(death.id)) byId.set(death.id, death)
  }
  return [...byId.values()].sort((a, b) => Date.parse(a.ts) - Date.parse(b.ts))
}

const isSince = (death: Death, since: Date | undefined): boolean =>
  since === undefined || Date.parse(death.ts) >= since.getTime()

/**
 * Returns the recorded deaths, each once, the newest last; rotated files are read, and lines that are torn or still being
 * written are passed over. Reads only: call {@link reconcile} first to have deaths recorded that no recorder saw.
 * @throws IapeerError `invalid-path`; Node system errors when the log cannot be read
 */
export function readDeaths(options: ReadDeathsOptions): Death[] {
  return deathsIn(checkedLayout(options).exitsLog).filter((death) => isSince(death, options.since))
}

/** How {@link onDeath} follows the deaths. */
export interface OnDeathOptions extends RecordOptions {
  /** Ends it. */
  readonly signal: AbortSignal
  /** Deaths recorded already, at or after this time, come first. @default only those recorded after the call */
  readonly since?: Date
  /** Gets what the listener throws or rejects with. @default a warning of the process (`process.emitWarning`) */
  readonly onError?: (error: unknown, death: Death) => void
}

const POLL_MS = 2_000

const warn = (error: unknown): void => {
  process.emitWarning(error instanceof Error ? error : String(error))
}

/** Which log this is and how long: changes with every line and every rotation. */
const stateOf = (path: string): string =>
  [path, `${path}.1`]
    .map((name) => statSync(name, { throwIfNoEntry: false }))
    .map((found) => (found === undefined ? '-' : `${found.ino}:${found.size}`))
    .join(' ')

/** Returns when something in the directory has changed, after the poll time, or when it is aborted. */
function changed(directory: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let watcher: FSWatcher | undefined
    const done = (): void => {
      clearTimeout(timer)
      watcher?.close()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, POLL_MS)
    signal.addEventListener('abort', done)
    try {
      // Without a watcher the poll goes on.
      watcher = watch(directory, done).on('error', () => watcher?.close())
    } catch (error) {
      // It is not there yet, or the system has no watch left: the poll finds what comes.
      if (errnoOf(error) === undefined) throw error
    }
  })
}

/**
 * Calls `listener` for each death once, the oldest first, until `signal` is aborted; then it resolves.
 * Notices a record within milliseconds, at the latest after two seconds, across rotation. The listener is not waited for,
 * and one that throws or rejects still gets the next death. Several followers do not disturb each other.
 * @throws IapeerError `invalid-path`; Node system errors when the log cannot be read
 */
export async function onDeath(options: OnDeathOptions, listener: (death: Death) => unknown): Promise<void> {
  const { recordDir, exitsLog } = checkedLayout(options)
  const { signal, since, onError = warn } = options
  const isOld = (death: Death): boolean => since === undefined || !isSince(death, since)
  let state = stateOf(exitsLog)
  const told = new Set(deathsIn(exitsLog).flatMap((death) => (isOld(death) ? [death.id] : [])))
  let isDue = since !== undefined
  while (!signal.aborted) {
    const wait = changed(recordDir, signal)
    const now = stateOf(exitsLog)
    if (isDue || now !== state) {
      state = now
      isDue = false
      const deaths = deathsIn(exitsLog)
      const kept = new Set(deaths.map(({ id }) => id))
      for (const id of told) if (!kept.has(id)) told.delete(id)
      for (const death of deaths) {
        if (signal.aborted || told.has(death.id)) continue
        told.add(death.id)
        Promise.resolve(death)
          .then(listener)
          .catch((error: unknown) => onError(error, death))
      }
    }
    await wait
  }
}
