import { isIdentity, isPersonality } from '@iapeer/core/identity'
import { iapeerRoot } from '@iapeer/core/paths'
import { type EventFilter, followEvents, type RecordedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import { usageError } from '../../exit-code.ts'
import { localTime, paint, plain, print, printJson, wrap } from '../../output.ts'
import { bringUpToDate } from '../deaths/bring-up-to-date.ts'
import { parseSince } from '../deaths/since.ts'
import { eventWords } from './event-words.ts'

interface EventsOptions {
  readonly follow?: boolean
  readonly number?: string
  readonly since?: string
  readonly peer?: string
  readonly ev?: readonly string[]
  readonly json?: boolean
}

const DEFAULT_NUMBER = 50
const NARROWEST = 12
/** Of its words, where the names before them are long. */
const LEAST_WORDS = 20

function parseNumber(text: string | undefined): number {
  if (text === undefined) return DEFAULT_NUMBER
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError(
    `not a number of events: ${JSON.stringify(text)}`,
    'Give a whole number: 20, or 0 for none.',
  )
}

function filterOf({ since, peer, ev }: EventsOptions): EventFilter {
  if (peer !== undefined && !isPersonality(peer) && !isIdentity(peer))
    throw usageError(`not a peer: ${JSON.stringify(peer)}`, 'Give a name (bob) or an identity (claude-bob).')
  return { since: since === undefined ? undefined : new Date(parseSince(since, Date.now())), peer, ev }
}

const camelCase = (name: string): string =>
  name.replace(/[_.-]+([a-zA-Z0-9])/g, (_all, letter: string) => letter.toUpperCase())

/** What is empty is absent. */
function jsonOf(event: RecordedEvent): object {
  const said = Object.entries(event).filter(([, value]) => value !== undefined && value !== '')
  return Object.fromEntries(said.map(([name, value]) => [camelCase(name), value]))
}

const nameOf = (event: RecordedEvent): string => plain(String(event['identity'] ?? '-'))

function line(event: RecordedEvent, width: number): string {
  const words = plain(eventWords(event))
  const when = localTime(event.ts)
  const head = `${paint('dim', when)}  ${nameOf(event).padEnd(width)}  `
  const { columns } = process.stdout
  if (process.stdout.isTTY !== true || !columns) return head + words
  // Why it was decided stands at the end: on a terminal it goes on below, and nothing is cut.
  const indent = when.length + width + 4
  return head + wrap(words, Math.max(LEAST_WORDS, columns - indent)).join(`\n${' '.repeat(indent)}`)
}

/** Prints what comes until the person ends it, or nobody reads it any more. */
async function follow(
  cursor: string,
  filter: EventFilter,
  show: (event: RecordedEvent) => void,
): Promise<void> {
  const abort = new AbortController()
  process.stdout.once('close', () => abort.abort())
  process.stdout.once('error', () => abort.abort())
  for await (const { event, gap } of followEvents(iapeerRoot(), { cursor, filter, signal: abort.signal })) {
    if (gap === true) process.stderr.write('iapeer: some events may be missing here: their file is gone\n')
    else show(event)
  }
}

export async function events(options: EventsOptions): Promise<void> {
  const filter = filterOf(options)
  const limit = parseNumber(options.number)
  await bringUpToDate()
  const past = await readEvents(iapeerRoot(), { ...filter, limit })
  const width = Math.max(NARROWEST, ...past.events.map((event) => nameOf(event).length))
  const show = (event: RecordedEvent): void =>
    options.json === true ? printJson(jsonOf(event)) : print(line(event, width))
  for (const event of past.events) show(event)
  if (options.follow === true) return follow(past.cursor, filter, show)
  if (past.events.length === 0 && options.json !== true) print('no events recorded')
}
