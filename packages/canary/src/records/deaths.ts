import { type FSWatcher, statSync, watch } from 'node:fs'
import { errnoOf } from '@iapeer/core/errors'
import { parseLogfmt } from '@iapeer/core/logfmt'
import { readLog } from '@iapeer/core/storage'
import { checkedLayout, type RecordOptions } from './options.ts'

/** One recorded death: a line of exits.log. Fields that are not known are undefined. */
export interface Death {
  /** `<identity>-<gen>`: the id of this death; it never changes. */
  readonly id: string
  /** ISO-8601 UTC: the time of death; with `seenAlive`, the time at which the death was found. */
  readonly ts: string
  /** ISO-8601 UTC: when the process was last seen running, if the time of death is not known. */
  readonly seenAlive: string | undefined
  /** `server-exit`: a tmux server. `session-exit`: the program of a session that `@iapeer/tmux` started. */
  readonly event: 'server-exit' | 'session-exit'
  /** The identity at the time of death: `<runtime>-<personality>`. */
  readonly identity: string
  /** 16 hex digits: one run of one server. */
  readonly gen: string
  /** `killed`, `server-vanished`, ...: the README has the list. Undefined for most sessions. */
  readonly cause: string | undefined
  /** `guard`: the recorder was the server's parent. `watch`: the recorder watched the server. `none`: no recorder saw the death. */
  readonly mode: 'guard' | 'watch' | 'none' | undefined
  /** `SIGKILL`, ...: the signal that killed the process, if known. */
  readonly signal: string | undefined
  /** 0 to 255. Guarded server: its wait status. Watched server: the exit code of the watching client. Session: its exit code. */
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

/** Where a record begins: a full disk tears and merges lines, so a record may begin inside a line. */
const BEGINNING = /\n|(?=ts=\d{4}-\d\d-\d\dT[\d:.]+Z ev=(?:server|session)-exit )/

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined

const MODES = ['guard', 'watch', 'none'] as const

/** Parses one line; undefined if it is torn, still being written, or not a death. */
function parseDeath(line: string): Death | undefined {
  const { fields, torn } = parseLogfmt(line)
  const { ts = '', ev, identity, gen, forensics, mode } = fields
  if (torn || identity === undefined || gen === undefined || Number.isNaN(Date.parse(ts))) return undefined
  const common = {
    id: `${identity}-${gen}`,
    ts,
    seenAlive: nonEmpty(fields['seen_alive']),
    identity,
    gen,
    cause: nonEmpty(fields['cause']),
    mode: MODES.find((known) => known === mode),
    snapshotPath: nonEmpty(forensics),
  }
  // A line is complete if it has the last field of its kind.
  if (ev === 'server-exit' && forensics?.endsWith('.txt') === true) {
    const [status, pid] = [numberOf(fields['wait_rc']), numberOf(fields['server_pid'])]
    return { ...common, event: ev, signal: nonEmpty(fields['signal']), status, pid }
  }
  if (ev !== 'session-exit' || fields['recorder'] !== 'hook') return undefined
  const [status, pid] = [numberOf(fields['dead_status']), numberOf(fields['leader_pid'])]
  return { ...common, event: ev, signal: nonEmpty(fields['dead_signal']), status, pid }
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
 * Returns the recorded deaths, each once, the newest last. Reads rotated files too; skips lines that are torn or still being
 * written. Read-only: call {@link reconcile} first to record deaths that no recorder saw.
 * @throws IapeerError `invalid-path`; Node system errors when the log cannot be read
 */
export function readDeaths(options: ReadDeathsOptions): Death[] {
  return deathsIn(checkedLayout(options).exitsLog).filter((death) => isSince(death, options.since))
}

/** Options of {@link onDeath}. */
export interface OnDeathOptions extends RecordOptions {
  /** Stops following when aborted. */
  readonly signal: AbortSignal
  /** Delivers deaths at or after this time that are recorded already, too. @default only those recorded after the call */
  readonly since?: Date
  /** Receives an error that the listener throws or rejects with. @default a warning of the process (`process.emitWarning`) */
  readonly onError?: (error: unknown, death: Death) => void
}

const POLL_MS = 2_000

const warn = (error: unknown): void => {
  process.emitWarning(error instanceof Error ? error : String(error))
}

/** Returns a text that changes with every line and every rotation of a log: inodes and sizes. */
const stateOf = (path: string): string =>
  [path, `${path}.1`]
    .map((name) => statSync(name, { throwIfNoEntry: false }))
    .map((found) => (found === undefined ? '-' : `${found.ino}:${found.size}`))
    .join(' ')

/** Resolves when the directory changes, after the poll time, or on abort. */
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
      // After an error of the watcher, polling goes on.
      watcher = watch(directory, done).on('error', () => watcher?.close())
    } catch (error) {
      // The directory does not exist yet, or the system has no inotify watch left: polling goes on.
      if (errnoOf(error) === undefined) throw error
    }
  })
}

/**
 * Calls `listener` once for each death, the oldest first; resolves when `signal` is aborted. Notices a record within
 * milliseconds, at most two seconds, also across log rotation. Does not wait for the listener; a listener that throws or
 * rejects still gets the next death. Several followers can run at once.
 * @throws IapeerError `invalid-path`; Node system errors when the log cannot be read
 */
export async function onDeath(options: OnDeathOptions, listener: (death: Death) => unknown): Promise<void> {
  const { recordDir, exitsLog } = checkedLayout(options)
  const { signal, since, onError = warn } = options
  const isOld = (death: Death): boolean => since === undefined || !isSince(death, since)
  let state = stateOf(exitsLog)
  const delivered = new Set(deathsIn(exitsLog).flatMap((death) => (isOld(death) ? [death.id] : [])))
  let isDue = since !== undefined
  while (!signal.aborted) {
    const wait = changed(recordDir, signal)
    const now = stateOf(exitsLog)
    if (isDue || now !== state) {
      state = now
      isDue = false
      const deaths = deathsIn(exitsLog)
      const kept = new Set(deaths.map(({ id }) => id))
      for (const id of delivered) if (!kept.has(id)) delivered.delete(id)
      for (const death of deaths) {
        if (signal.aborted || delivered.has(death.id)) continue
        delivered.add(death.id)
        Promise.resolve(death)
          .then(listener)
          .catch((error: unknown) => onError(error, death))
      }
    }
    await wait
  }
}
