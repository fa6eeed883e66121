import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { fieldsOf, parseFields, text } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'

/** Something that was notified and is not over: a notification says when it is. */
export interface Trouble {
  /** What it is about: an identity, or the id of a problem of the daemon. */
  readonly about: string
  readonly kind: 'peer' | 'daemon'
  /** When it was notified, ISO-8601 UTC. */
  readonly since: string
  /** What it was, in one line. */
  readonly what: string
}

/** A trouble that is not over after this time is forgotten: its peer is not used any more. */
const FORGOTTEN_MS = 30 * 24 * 60 * 60_000

const keyOf = ({ kind, about }: Pick<Trouble, 'kind' | 'about'>): string => `${kind} ${about}`

function parseTroubles(json: string): Trouble[] {
  return Object.values(parseFields(json) ?? {}).flatMap((value) => {
    const { about, kind, since, what } = fieldsOf(value)
    const [named, at] = [text(about), text(since)]
    if (named === undefined || at === undefined || (kind !== 'peer' && kind !== 'daemon')) return []
    return [{ about: named, kind, since: at, what: text(what) ?? '' }]
  })
}

/**
 * What was notified and is not over, in `state/lifecycle/troubles.json`. It stays in memory where the file cannot be written. One
 * per root: the daemon's.
 */
export class Troubles {
  readonly #root: string
  #known: Map<string, Trouble> | undefined

  constructor(root: string) {
    this.#root = root
  }

  /** Adds a trouble; the first note about one stays. */
  async note(trouble: Trouble): Promise<void> {
    const known = await this.#read()
    if (known.has(keyOf(trouble))) return
    known.set(keyOf(trouble), trouble)
    await this.#write(known, Date.parse(trouble.since))
  }

  async list(): Promise<readonly Trouble[]> {
    return [...(await this.#read()).values()]
  }

  /** Removes troubles that are over. */
  async end(troubles: readonly Pick<Trouble, 'kind' | 'about'>[], nowMs: number): Promise<void> {
    const known = await this.#read()
    const removed = troubles.filter((trouble) => known.delete(keyOf(trouble)))
    if (removed.length > 0) await this.#write(known, nowMs)
  }

  get #path(): string {
    return join(rootLayout(this.#root).lifecycleStateDir, 'troubles.json')
  }

  async #read(): Promise<Map<string, Trouble>> {
    if (this.#known !== undefined) return this.#known
    const found = await readRegularFile(this.#path)
    const read = found === undefined ? [] : parseTroubles(found.text)
    // Another call may have read the file meanwhile.
    this.#known ??= new Map(read.map((one) => [keyOf(one), one]))
    return this.#known
  }

  async #write(known: Map<string, Trouble>, nowMs: number): Promise<void> {
    for (const [key, { since }] of known) if (!(nowMs - Date.parse(since) <= FORGOTTEN_MS)) known.delete(key)
    try {
      await replaceFile(this.#path, `${JSON.stringify(Object.fromEntries(known))}\n`)
    } catch (error) {
      // A full disk is one of the troubles: they stay in memory, and are written with the next change.
      if (errnoOf(error) === undefined) throw error
    }
  }
}
