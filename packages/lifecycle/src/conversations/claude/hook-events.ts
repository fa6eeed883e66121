import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { type Fields, parseFields, text } from '@iapeer/core/json'
import { namesIn, readRegularFile } from '@iapeer/core/storage'
import { firstField } from '../../runtimes/index.ts'

/** What Claude Code passed to a hook. */
export interface HookEvent {
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** The running time of the host, in milliseconds; 0 on a system where the hook cannot read it. */
  readonly uptimeMs: number
  readonly sessionId: string
  /** The path of the transcript. */
  readonly transcript: string
  /** The id of the turn. */
  readonly turn: string | undefined
  /** Of UserPromptSubmit. Undefined if it is too long. */
  readonly prompt: string | undefined
  /** Of SessionStart: `startup`, `resume`, `clear`, `compact`. */
  readonly source: string | undefined
  /** Of StopFailure: `rate_limit`, `authentication_failed`, `server_error`. */
  readonly error: string | undefined
  /** Of PermissionRequest: the tool. */
  readonly tool?: string | undefined
  readonly permissionMode: string | undefined
}

const NAME = /^(\d+(?:\.\d+)?)-(\d+)$/
/** A hook has 2 s. A file that is not complete after that was cut off. */
const WRITTEN_MS = 3_000
const MOST_DIRECTORIES = 256

interface WrittenAt {
  readonly atMs: number
  readonly uptimeMs: number
}

function eventOf(field: (name: string) => string | undefined, at: WrittenAt): HookEvent | undefined {
  const [name, sessionId, transcript] = [
    field('hook_event_name'),
    field('session_id'),
    field('transcript_path'),
  ]
  if (name === undefined || sessionId === undefined || transcript === undefined) return undefined
  return {
    ...{ name, sessionId, transcript, ...at },
    turn: field('prompt_id'),
    prompt: field('prompt'),
    source: field('source'),
    error: field('error'),
    tool: name === 'PermissionRequest' ? field('tool_name') : undefined,
    permissionMode: field('permission_mode'),
  }
}

/** Reads the file of one call; undefined while it is being written, and if it is not one. */
async function readEvent(path: string, uptimeMs: number): Promise<HookEvent | undefined> {
  try {
    const found = await readRegularFile(path)
    const { mtimeMs } = await stat(path)
    if (found === undefined) return undefined
    const at = { atMs: mtimeMs, uptimeMs }
    const fields: Fields | undefined = parseFields(found.text)
    if (fields !== undefined) return eventOf((name) => text(fields[name]), at)
    if (Date.now() - mtimeMs < WRITTEN_MS) return undefined
    // The last field is cut off; those that matter come first.
    return eventOf((name) => (name === 'prompt' ? undefined : firstField(found.text, name)), at)
  } catch (error) {
    // The hook removes old files.
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Reads the files that the hooks of sessions wrote. A file does not change once it is complete, so each is read once. */
export class HookEvents {
  readonly #known = new Map<string, ReadonlyMap<string, HookEvent>>()

  /** Returns the calls of the hooks of a session, the oldest first. @param directory the directory `events` of the session */
  async read(directory: string): Promise<readonly HookEvent[]> {
    const names = await namesIn(directory, { ignoreMissingDirectory: true })
    const before = this.#known.get(directory)
    const events = new Map<string, HookEvent>()
    for (const name of names) {
      const [, seconds] = NAME.exec(name) ?? []
      if (seconds === undefined) continue
      const event = before?.get(name) ?? (await readEvent(join(directory, name), Number(seconds) * 1_000))
      if (event !== undefined) events.set(name, event)
    }
    this.#known.delete(directory)
    if (events.size > 0) this.#known.set(directory, events)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_DIRECTORIES) break
      this.#known.delete(oldest)
    }
    return [...events.values()].sort((a, b) => a.uptimeMs - b.uptimeMs || a.atMs - b.atMs)
  }
}
