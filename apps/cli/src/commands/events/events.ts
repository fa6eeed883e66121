import { iapeerRoot } from '@iapeer/core/paths'
import { type EventFilter, followEvents, type RecordedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { localTime, onReaderGone, paint, plain, print, printJson } from '../../output.ts'
import { wrap } from '../../wrap.ts'
import { settleDeaths } from '../deaths/bring-up-to-date.ts'
import { parsePeerFilter, SINCE } from '../options.ts'
import { eventWords } from './event-words.ts'

const DEFAULT_NUMBER = 50
const NARROWEST = 12
/** Of its words, where the names before them are long. */
const LEAST_WORDS = 20

function parseNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError(
    `not a number of events: ${JSON.stringify(text)}`,
    'Give a whole number: 20, or 0 for none.',
  )
}

const OPTIONS = {
  follow: { short: 'f', help: 'go on and print new ones as they come' },
  number: {
    short: 'n',
    value: 'count',
    help: 'at most so many of the past, the newest (default: 50)',
    parse: parseNumber,
  },
  since: SINCE,
  peer: {
    value: 'name',
    help: 'only of this peer, or of one identity of it (claude-bob)',
    parse: parsePeerFilter,
  },
  ev: {
    value: 'kind',
    help: 'only of this kind (launch, stop, death, ...); several with commas',
    repeated: true,
    parse: (text: string) => text.split(','),
  },
  json: { help: 'one JSON object a line' },
} as const

const filterOf = ({ since, peer, ev }: OptionValues<typeof OPTIONS>): EventFilter => ({
  since: since === undefined ? undefined : new Date(since),
  peer,
  ev: ev.length === 0 ? undefined : ev.flat(),
})

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
  onReaderGone(() => abort.abort())
  for await (const { event, gap } of followEvents(iapeerRoot(), { cursor, filter, signal: abort.signal })) {
    if (gap === true) process.stderr.write('iapeer: some events may be missing here: their file is gone\n')
    else show(event)
  }
}

export default defineCommand({
  name: 'events',
  summary: 'what was decided about the peers, and why, oldest first',
  options: OPTIONS,
  run: async ({ options }) => {
    const filter = filterOf(options)
    const limit = options.number ?? DEFAULT_NUMBER
    await settleDeaths()
    const past = await readEvents(iapeerRoot(), { ...filter, limit })
    const width = Math.max(NARROWEST, ...past.events.map((event) => nameOf(event).length))
    const show = (event: RecordedEvent): void =>
      options.json ? printJson(jsonOf(event)) : print(line(event, width))
    for (const event of past.events) show(event)
    if (options.follow) return follow(past.cursor, filter, show)
    if (past.events.length === 0 && !options.json) print('no events recorded')
  },
})
