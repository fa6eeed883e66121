import { iapeerRoot } from '@iapeer/core/paths'
import { type EventFilter, followEvents, type RecordedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { localTime, onReaderGone, paint, plain, print, printJson } from '../../output.ts'
import { timeText } from '../../times.ts'
import { wrap } from '../../wrap.ts'
import { settleDeaths } from '../deaths/death-records.ts'
import { parsePeerFilter, SINCE, UTC } from '../options.ts'
import { eventText } from './event-text.ts'

const DEFAULT_NUMBER = 50
/** The least width of the column of identities. */
const MIN_NAME_WIDTH = 12
/** The least width of the column of texts, if the identities are long. */
const MIN_TEXT_WIDTH = 20

function parseNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usageError(
    `invalid --number ${JSON.stringify(text)}: expected a number of events`,
    'Use a whole number: 20, or 0 for none.',
  )
}

const OPTIONS = {
  follow: { short: 'f', help: 'keep printing new events' },
  number: {
    short: 'n',
    value: 'count',
    help: 'how many of the newest past events to print (default: 50)',
    parse: parseNumber,
  },
  since: SINCE,
  peer: {
    value: 'name',
    help: 'only events of this peer, or of one of its identities (claude-bob)',
    parse: parsePeerFilter,
  },
  ev: {
    value: 'kind',
    help: 'only events of this kind (launch, stop, death, ...); separate several by commas',
    repeated: true,
    parse: (text: string) => text.split(','),
  },
  json: { help: 'print one JSON object per line' },
  utc: UTC,
} as const

const filterOf = ({ since, peer, ev }: OptionValues<typeof OPTIONS>): EventFilter => ({
  since: since === undefined ? undefined : new Date(since),
  peer,
  ev: ev.length === 0 ? undefined : ev.flat(),
})

const camelCase = (name: string): string =>
  name.replace(/[_.-]+([a-zA-Z0-9])/g, (_all, letter: string) => letter.toUpperCase())

/** Returns the fields of an event in camelCase, without empty ones. */
function jsonOf(event: RecordedEvent): object {
  const fields = Object.entries(event).filter(([, value]) => value !== undefined && value !== '')
  return Object.fromEntries(fields.map(([name, value]) => [camelCase(name), value]))
}

type LineOptions = Pick<OptionValues<typeof OPTIONS>, 'utc' | 'follow'>

const nameOf = (event: RecordedEvent): string => plain(String(event['identity'] ?? '-'))

/** The least width of the column of relative times. */
const WHEN_WIDTH = 10

function line(event: RecordedEvent, width: number, { utc, follow: isFollowing }: LineOptions): string {
  const text = plain(eventText(event))
  // A relative time would become wrong on the screen while new events are awaited.
  const isLocal = isFollowing && !utc
  const when = isLocal ? localTime(event.ts) : timeText(event.ts, { utc }).padEnd(WHEN_WIDTH)
  const head = `${paint('dim', when)}  ${nameOf(event).padEnd(width)}  `
  const { columns } = process.stdout
  if (process.stdout.isTTY !== true || !columns) return head + text
  // The reason is at the end of the text, so the text is wrapped, not cut.
  const indent = when.length + width + 4
  return head + wrap(text, Math.max(MIN_TEXT_WIDTH, columns - indent)).join(`\n${' '.repeat(indent)}`)
}

/** Prints new events until it is interrupted, or the reader of the standard output exits. */
async function follow(
  cursor: string,
  filter: EventFilter,
  show: (event: RecordedEvent) => void,
): Promise<void> {
  const abort = new AbortController()
  onReaderGone(() => abort.abort())
  for await (const { event, gap } of followEvents(iapeerRoot(), { cursor, filter, signal: abort.signal })) {
    if (gap === true)
      process.stderr.write('iapeer: some events may be missing here: their file was removed\n')
    else show(event)
  }
}

export default defineCommand({
  name: 'events',
  exitCodes: { 4: 'no such peer' },
  summary: 'print the event log: starts, stops, restarts, deaths, each with its reason',
  options: OPTIONS,
  run: async ({ options }) => {
    const filter = filterOf(options)
    const limit = options.number ?? DEFAULT_NUMBER
    await settleDeaths()
    const past = await readEvents(iapeerRoot(), { ...filter, limit })
    const width = Math.max(MIN_NAME_WIDTH, ...past.events.map((event) => nameOf(event).length))
    const show = (event: RecordedEvent): void =>
      options.json ? printJson(jsonOf(event)) : print(line(event, width, options))
    for (const event of past.events) show(event)
    if (options.follow) return follow(past.cursor, filter, show)
    if (past.events.length === 0 && !options.json) print('no events recorded')
  },
})
