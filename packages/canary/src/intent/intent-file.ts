import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import type { RecordLayout } from '@iapeer/core/paths'
import {
  formatProcessId,
  identifyProcess,
  observeProcess,
  type ProcessId,
  parseProcessId,
} from '@iapeer/core/process'
import { makeFile, readIfExists, replaceFile } from '@iapeer/core/storage'
import { RecentMap } from '../recent-map.ts'
import { serverKey } from '../records/server-key.ts'
import { type GenerationName, parseKeyValues, readCanaryRecord } from '../records/state-file.ts'

/**
 * One declarer's note that a generation is stopped on purpose. Each declarer has files of its own, so that none can overwrite
 * or withdraw another's: `<identity>-<gen>`, then `.2`, `.3`, ..., and the same under the key of the server
 * (`<boot>-<pid>-<start>.server`, `.server.2`, ...), which count for every identity that the server is watched under. The
 * first kind is removed when the generation is settled, the second some minutes after the server's death.
 */
export interface Intent {
  readonly path: string
  readonly state: 'pending' | 'done' | 'withdrawn'
  readonly declarer: ProcessId | undefined
  readonly by: string
  readonly why: string
  /** When a pending intent expires, in seconds since the epoch. */
  readonly until: number
}

/** Replaces line ends, which would start another field (Cc: control characters, Zl and Zp: Unicode line ends). */
export const oneLine = (text: string): string =>
  String(text)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, 200)

/** Returns whether an intent counts for every identity of its server. */
export const isServerIntent = (path: string): boolean => /\.server(?:\.\d+)?$/.test(path)

const numbered = (base: string, number: number): string => (number === 1 ? base : `${base}.${number}`)

/** Returns the base paths of the intents about a generation: its own and, while its state file exists, its server's. */
function intentBases(layout: RecordLayout, name: GenerationName): readonly [string, ...string[]] {
  const record = readCanaryRecord(layout, name)
  const own = join(layout.intentDir, `${name.identity}-${name.gen}`)
  if (record === undefined || record === 'corrupt') return [own]
  return [own, join(layout.intentDir, `${serverKey(record)}.server`)]
}

function parseIntent(path: string, text: string): Intent {
  const values = parseKeyValues(text)
  const word = values.get('state')
  return {
    path,
    state: word === 'pending' || word === 'done' ? word : 'withdrawn',
    declarer: parseProcessId(values.get('declarer') ?? ''),
    by: values.get('by') ?? '',
    why: values.get('why') ?? '',
    until: Number(values.get('until') ?? 0),
  }
}

/** More declarers than one generation ever has. */
const MAX_INTENTS = 32

function readAt(base: string): Intent[] {
  const found: Intent[] = []
  for (let number = 1; number <= MAX_INTENTS; number++) {
    const path = numbered(base, number)
    const text = readIfExists(path)
    if (text !== undefined) found.push(parseIntent(path, text))
  }
  return found
}

/** Returns every intent about a generation, those under its own name first, the oldest first. Skips gaps in the numbers. */
export const readIntents = (layout: RecordLayout, name: GenerationName): Intent[] =>
  intentBases(layout, name).flatMap(readAt)

async function thisProcess(): Promise<ProcessId> {
  const self = await identifyProcess(process.pid)
  if (self !== undefined) return self
  const hint = 'Check that /proc is mounted (Linux) or that ps works.'
  throw new IapeerError('cannot read the start time of this process', { code: 'process-unreadable', hint })
}

function intentText(
  state: Intent['state'],
  declarer: ProcessId,
  fields: Pick<Intent, 'by' | 'why' | 'until'>,
): string {
  const lines = [
    `state=${state}`,
    `declarer=${formatProcessId(declarer)}`,
    `until=${fields.until}`,
    `by=${oneLine(fields.by)}`,
    `why=${oneLine(fields.why)}`,
    `ts=${new Date().toISOString()}`,
  ]
  return `${lines.join('\n')}\n`
}

async function addAt(base: string, fields: Pick<Intent, 'by' | 'why' | 'until'>): Promise<Intent> {
  const declarer = await thisProcess()
  for (let number = 1; number <= MAX_INTENTS; number++) {
    const path = numbered(base, number)
    try {
      await makeFile(path, intentText('pending', declarer, fields))
      return { path, state: 'pending', declarer, ...fields }
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
  throw new IapeerError(`this server has ${MAX_INTENTS} intents already, the limit`, {
    code: 'system-error',
    hint: `When that server has exited, remove ${base} and the numbered files beside it.`,
  })
}

/** The base paths of this process's intents, by generation: settling removes the state file, which names the server. */
const declaredAt = new RecentMap<readonly string[]>()

/** Writes a pending intent of this process under each base path, with the first free number. */
export async function addIntents(
  layout: RecordLayout,
  name: GenerationName,
  fields: Pick<Intent, 'by' | 'why' | 'until'>,
): Promise<readonly [Intent, ...Intent[]]> {
  const bases = intentBases(layout, name)
  const [own, ...others] = bases
  declaredAt.set(own, bases)
  const first = await addAt(own, fields)
  const rest: Intent[] = []
  for (const base of others) rest.push(await addAt(base, fields))
  return [first, ...rest]
}

/** Writes over a file with one write, padded with newlines to its former length: needs neither a block nor an inode. */
function writeOver(path: string, text: string): void {
  const file = openSync(path, 'r+')
  try {
    writeSync(file, text.padEnd(fstatSync(file).size, '\n'), 0)
  } finally {
    closeSync(file)
  }
}

export async function setIntentState(intent: Intent, state: 'done' | 'withdrawn'): Promise<void> {
  const declarer = intent.declarer ?? (await thisProcess())
  const text = intentText(state, declarer, intent)
  try {
    await replaceFile(intent.path, text)
  } catch (error) {
    // The server is stopped already: an intent that stayed pending would turn into a death.
    if (errnoOf(error) !== 'ENOSPC' && errnoOf(error) !== 'EDQUOT') throw error
    writeOver(intent.path, text)
  }
}

/**
 * Returns the pending intents of this process, one per base path.
 * @param which of several under one base path
 */
export async function ownPending(
  layout: RecordLayout,
  name: GenerationName,
  which: 'first' | 'last',
): Promise<Intent[]> {
  const self = formatProcessId(await thisProcess())
  const bases = intentBases(layout, name)
  return (declaredAt.get(bases[0]) ?? bases).flatMap((base) => {
    const own = readAt(base).filter(
      ({ state, declarer }) =>
        state === 'pending' && declarer !== undefined && formatProcessId(declarer) === self,
    )
    return own.at(which === 'first' ? 0 : -1) ?? []
  })
}

/** Returns whether a process is stopping this generation on purpose, or has stopped it. */
export async function isDeclared(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  for (const { state, declarer, until } of readIntents(layout, name)) {
    if (state === 'done') return true
    if (state !== 'pending' || declarer === undefined || until < Date.now() / 1000) continue
    if ((await observeProcess(declarer)) !== 'gone') return true
  }
  return false
}
