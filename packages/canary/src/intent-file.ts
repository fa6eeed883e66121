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
import { makeFile, replaceFile } from '@iapeer/core/storage'
import { type GenerationName, parseKeyValues, readIfThere } from './state-file.ts'

/**
 * One declarer's note that a generation ends on purpose. Each declarer has a file of its own, `<identity>-<gen>`, then
 * `.2`, `.3`, ...: nobody can overwrite or withdraw another's. A file is never removed before the generation is settled.
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

const intentPath = (layout: RecordLayout, name: GenerationName, number: number): string =>
  join(layout.intentDir, `${name.identity}-${name.gen}${number === 1 ? '' : `.${number}`}`)

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

/** Every intent about a generation, the oldest first; one that has been removed leaves a gap. */
export function readIntents(layout: RecordLayout, name: GenerationName): Intent[] {
  const found: Intent[] = []
  for (let number = 1; number <= MOST_INTENTS; number++) {
    const path = intentPath(layout, name, number)
    const text = readIfThere(path)
    if (text !== undefined) found.push(parseIntent(path, text))
  }
  return found
}

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

/** Writes a pending intent of this process under the first free name. */
export async function addIntent(
  layout: RecordLayout,
  name: GenerationName,
  fields: Pick<Intent, 'by' | 'why' | 'until'>,
): Promise<Intent> {
  const declarer = await thisProcess()
  for (let number = 1; ; number++) {
    const path = intentPath(layout, name, number)
    try {
      await makeFile(path, intentText('pending', declarer, fields))
      return { path, state: 'pending', declarer, ...fields }
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
}

export async function setIntentState(intent: Intent, state: 'done' | 'withdrawn'): Promise<void> {
  const declarer = intent.declarer ?? (await thisProcess())
  await replaceFile(intent.path, intentText(state, declarer, intent))
}

/** The pending intents of this very process. */
export async function ownPending(layout: RecordLayout, name: GenerationName): Promise<Intent[]> {
  const self = formatProcessId(await thisProcess())
  return readIntents(layout, name).filter(
    ({ state, declarer }) =>
      state === 'pending' && declarer !== undefined && formatProcessId(declarer) === self,
  )
}

/** Whether somebody is tearing this generation down right now, or has. */
export async function isDeclared(layout: RecordLayout, name: GenerationName): Promise<boolean> {
  for (const { state, declarer, until } of readIntents(layout, name)) {
    if (state === 'done') return true
    if (state !== 'pending' || declarer === undefined || until < Date.now() / 1000) continue
    if ((await observeProcess(declarer)) !== 'gone') return true
  }
  return false
}
