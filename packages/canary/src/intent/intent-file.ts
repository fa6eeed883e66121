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
 * One declarer's note that a generation ends on purpose. Each declarer has files of its own: `<identity>-<gen>`, then `.2`,
 * `.3`, ..., and the same under the key of the server (`<boot>-<pid>-<start>.server`, `.server.2`, ...), which count for every
 * name that the server is watched under. So none can overwrite or withdraw another's. The first kind is removed when the
 * generation is settled, the second some time after the end of its server.
 */
export interface Intent {
  readonly path: string
  readonly state: 'pending' | 'done' | 'withdrawn'
  readonly declarer: ProcessId | undefined
  readonly by: string
  readonly why: string
  /** Seconds since the epoch; a pending intent is not believed after it. */
  readonly until: number
}

/** A line end would start a field of its own (Cc: control characters, Zl and Zp: the Unicode line ends). */
export const oneLine = (text: string): string =>
  String(text)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, 200)

/** Whether an intent counts for every name of its server. */
export const isServerIntent = (path: string): boolean => /\.server(?:\.\d+)?$/.test(path)

const numbered = (base: string, number: number): string => (number === 1 ? base : `${base}.${number}`)

/** Where the intents about a generation are: under its own name, and under that of its server, while its state tells it. */
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
const MOST_INTENTS = 32

function readAt(base: string): Intent[] {
  const found: Intent[] = []
  for (let number = 1; number <= MOST_INTENTS; number++) {
    const path = numbered(base, number)
    const text = readIfExists(path)
    if (text !== undefined) found.push(parseIntent(path, text))
  }
  return found
}

/** Every intent about a generation, those under its own name first, the oldest first; one that was removed leaves a gap. */
export const readIntents = (layout: RecordLayout, name: GenerationName): Intent[] =>
  intentBases(layout, name).flatMap(readAt)

async function thisProcess(): Promise<ProcessId> {
  const self = await identifyProcess(process.pid)
  if (self !== undefined) return self
  const hint = 'See that /proc is mounted (Linux) or that ps runs.'
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
  for (let number = 1; number <= MOST_INTENTS; number++) {
    const path = numbered(base, number)
    try {
      await makeFile(path, intentText('pending', declarer, fields))
      return { path, state: 'pending', declarer, ...fields }
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
  throw new IapeerError(`${MOST_INTENTS} processes have declared the end of this server`, {
    code: 'system-error',
    hint: `Remove ${base} and what is numbered after it, once that server has ended.`,
  })
}

/** Where this process has declared, by generation: the state that tells the server goes when its end is settled. */
const declaredAt = new RecentMap<readonly string[]>()

/** Writes a pending intent of this process, each under the first free name. */
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

export async function setIntentState(intent: Intent, state: 'done' | 'withdrawn'): Promise<void> {
  const declarer = intent.declarer ?? (await thisProcess())
  await replaceFile(intent.path, intentText(state, declarer, intent))
}

/**
 * The pending intents of this very process, one of each place.
 * @param which of several of one place
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

/** Whether a process is stopping this generation on purpose right now, or has. */
export async function isDeclared(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  for (const { state, declarer, until } of readIntents(layout, name)) {
    if (state === 'done') return true
    if (state !== 'pending' || declarer === undefined || until < Date.now() / 1000) continue
    if ((await observeProcess(declarer)) !== 'gone') return true
  }
  return false
}
