import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { number, parseFields, text, word } from '@iapeer/core/json'
import { rootLayout } from '@iapeer/core/paths'
import {
  formatProcessId,
  type Liveness,
  observeProcess,
  type ProcessId,
  parseProcessId,
} from '@iapeer/core/process'
import { readRegularFile, replaceFile } from '@iapeer/core/storage'
import { HOLD_FILE } from '../../sessions/index.ts'

const KINDS = ['judging', 'killer', 'repeated', 'memory', 'past'] as const

/**
 * What follows a mass death, for starts that no person asks for. `judging`: they wait until the cause is known. `killer`: they wait
 * while the process runs that killed the peers. `repeated`: it was the second one in a short time; they wait for a person. `memory`:
 * they go one by one. `past`: nothing; it is remembered, because another one soon is `repeated`.
 */
export interface MassDeath {
  readonly kind: (typeof KINDS)[number]
  /** When the peers died, milliseconds since the epoch. */
  readonly atMs: number
  /** How many peers died. */
  readonly deaths: number
  /** When `judging`, `memory` and `past` end, milliseconds since the epoch. */
  readonly untilMs?: number | undefined
  readonly killer?: ProcessId | undefined
}

const pathOf = (root: string): string => join(rootLayout(root).launchDir, HOLD_FILE)

/** Reads what follows the last mass death; undefined if there was none, or it is over. */
export async function readMassDeath(root: string, nowMs = Date.now()): Promise<MassDeath | undefined> {
  const fields = parseFields((await readRegularFile(pathOf(root)))?.text ?? '') ?? {}
  const kind = word(fields['kind'], KINDS)
  const atMs = number(fields['atMs'])
  if (kind === undefined || atMs === undefined) return undefined
  const untilMs = number(fields['untilMs'])
  if (untilMs !== undefined && nowMs >= untilMs) return undefined
  const killer = parseProcessId(text(fields['killer']) ?? '')
  return { kind, atMs, deaths: number(fields['deaths']) ?? 0, untilMs, killer }
}

/** Writes what follows a mass death. */
export async function writeMassDeath(root: string, { killer, ...rest }: MassDeath): Promise<void> {
  const named = killer === undefined ? {} : { killer: formatProcessId(killer) }
  await replaceFile(pathOf(root), `${JSON.stringify({ schemaVersion: 1, ...rest, ...named })}\n`)
}

/** Lets starts go on: a person says so. @returns whether they were held */
export async function releaseRestarts(root: string): Promise<boolean> {
  const held = (await heldBy(root)) !== undefined
  await rm(pathOf(root), { force: true })
  return held
}

/** Returns why starts without a person are held, as text; undefined if they are not. Pure. */
export function holdText(found: MassDeath | undefined, killer: Liveness): string | undefined {
  if (found?.kind === 'judging') return `${found.deaths} peers died together; iapeer looks for the cause`
  if (found?.kind === 'killer' && killer !== 'gone')
    return `process ${found.killer?.pid} killed ${found.deaths} peers and still runs`
  if (found?.kind === 'repeated')
    return `${found.deaths} peers died together again; iapeer start --all --resume-or-fresh starts them`
  return undefined
}

/** Returns why starts without a person are held; undefined if they are not. */
export async function heldBy(root: string): Promise<string | undefined> {
  return heldText(await readMassDeath(root))
}

/** Returns the {@link holdText} of what follows a mass death. */
export async function heldText(found: MassDeath | undefined): Promise<string | undefined> {
  return holdText(found, found?.killer === undefined ? 'gone' : await observeProcess(found.killer))
}
