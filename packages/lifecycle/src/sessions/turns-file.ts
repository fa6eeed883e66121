import { renameSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Identity, isIdentity } from '@iapeer/core/identity'
import { fieldsOf, parseFields, text, word } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import { readRegularFile } from '@iapeer/core/storage'
import { ignoreUnreadable } from './state-files.ts'
import { MUTE_CAUSES, TURN_SOURCES, TURN_STATES, type Turn } from './turn.ts'

/** What an agent did when the daemon last looked. */
export interface KeptTurn {
  /** The generation of the session; empty where nothing is recorded. */
  readonly gen: string
  readonly turn: Turn
}

/** `state/turns.json`: what all agents did at the last look of the daemon. */
export interface KeptTurns {
  /** When the daemon last looked at all of them, ISO-8601 UTC. */
  readonly at: string
  readonly turns: ReadonlyMap<Identity, KeptTurn>
}

/** What a daemon that has not looked for this long says is not true any more. In milliseconds. */
const STALE_MS = 30_000

const pathOf = (root: string): string => join(rootLayout(root).records.stateDir, 'turns.json')

/** Returns a time; undefined for anything else. */
const time = (value: unknown): string | undefined => {
  const stated = text(value)
  return stated === undefined || Number.isNaN(Date.parse(stated)) ? undefined : stated
}

/** Reads a turn as it is written; undefined for anything else. */
export function parseTurn(value: unknown): Turn | undefined {
  const fields = fieldsOf(value)
  const state = word(fields['state'], TURN_STATES)
  const source = word(fields['source'], TURN_SOURCES)
  if (state === undefined || source === undefined) return undefined
  const facts = {
    since: time(fields['since']),
    dialog: text(fields['dialog']),
    cause: word(fields['cause'], MUTE_CAUSES),
    failedAt: time(fields['failedAt']),
    hasShell: fields['hasShell'] === true ? true : undefined,
    detail: text(fields['detail']),
  }
  return {
    state,
    source,
    ...Object.fromEntries(Object.entries(facts).filter(([, one]) => one !== undefined)),
  }
}

async function contentOf(path: string): Promise<string> {
  try {
    return (await readRegularFile(path))?.text ?? ''
  } catch (error) {
    return ignoreUnreadable(error) ?? ''
  }
}

/** Reads what the daemon saw last; undefined if it never looked, or the file cannot be read: agents are looked at again then. */
export async function readTurns(root: string): Promise<KeptTurns | undefined> {
  const fields = parseFields(await contentOf(pathOf(root)))
  const at = time(fields?.['at'])
  if (fields === undefined || at === undefined) return undefined
  const turns = Object.entries(fieldsOf(fields['turns'])).flatMap(([identity, value]) => {
    const { gen, turn } = fieldsOf(value)
    const parsed = parseTurn(turn)
    if (!isIdentity(identity) || parsed === undefined) return []
    return [[identity, { gen: text(gen) ?? '', turn: parsed }] as const]
  })
  return { at, turns: new Map(turns) }
}

/** Whether the daemon looked lately. */
export const isFresh = ({ at }: KeptTurns, nowMs: number): boolean =>
  Math.abs(nowMs - Date.parse(at)) < STALE_MS

/** Writes what the daemon saw. Without fsync: after a crash of the host no session of it runs. */
export async function writeTurns(root: string, { at, turns }: KeptTurns): Promise<void> {
  const path = pathOf(root)
  // One daemon writes it, so the name is always the same: a killed daemon leaves one file at most.
  const temporary = `${path}.tmp`
  const content = JSON.stringify({ schemaVersion: 1, at, turns: Object.fromEntries(turns) })
  await writeFile(temporary, `${content}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}
