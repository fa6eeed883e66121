import { iapeerRoot } from '@iapeer/core/paths'
import { type EventFilter, followEvents, type RecordedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { GREP } from '../../grep.ts'
import { withLongOutput } from '../../long-output.ts'
import { jsonText, onReaderGone, paint, plain, print, printJson } from '../../output.ts'
import { clockText, timeText } from '../../times.ts'
import { wrap } from '../../wrap.ts'
import { settleDeaths } from '../deaths/death-records.ts'
import { JSON_LINES, NO_PAGER, parseCount, parsePeerFilter, SINCE, UTC } from '../options.ts'
import { assertKnownName } from '../peers/known-name.ts'
import { EVENT_KINDS, eventText } from './event-text.ts'
import { withVerdicts } from './event-verdicts.ts'

const DEFAULT_NUMBER = 50
/** The least width of the column of identities. */
const MIN_NAME_WIDTH = 12
/** The least width of the column of texts: on a narrower terminal they have lines of their own. */
const MIN_TEXT_WIDTH = 24
/** The least width of the column of relative times. */
const WHEN_WIDTH = 10

const OPTIONS = {
  follow: { short: 'f', help: 'keep printing new events' },
  number: {
    short: 'n',
    value: 'count',
    help: 'how many of the newest past events to print (default: 50)',
    parse: parseCount('--number', 'events'),
  },
  tail: { value: 'count', help: 'the same as --number', parse: parseCount('--tail', 'events') },
  since: SINCE,
  grep: GREP,
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
  json: JSON_LINES,
  noPager: NO_PAGER,
  utc: UTC,
} as const
type EventsOptions = OptionValues<typeof OPTIONS>

const filterOf = ({ since, peer, ev }: EventsOptions): EventFilter => ({
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

const nameOf = (event: RecordedEvent): string => plain(String(event['identity'] ?? '-'))

/** Returns the text that `--grep` is tested against: what is printed, without the time. */
const grepText = (event: RecordedEvent): string => `${nameOf(event)} ${plain(eventText(event))}`

interface Layout {
  /** The widths of the columns of times and of names. */
  readonly when: number
  readonly name: number
}

/** A relative time would become wrong on the screen while new events are awaited. */
const whenText = ({ ts }: RecordedEvent, { utc, follow }: EventsOptions): string =>
  (follow ? clockText : timeText)(ts, { utc })

function layoutOf(events: readonly RecordedEvent[], options: EventsOptions): Layout {
  const widest = (texts: readonly string[], least: number): number =>
    texts.reduce((most, text) => Math.max(most, text.length), least)
  return {
    when: widest(
      events.map((event) => whenText(event, options)),
      options.follow ? 0 : WHEN_WIDTH,
    ),
    name: widest(events.map(nameOf), MIN_NAME_WIDTH),
  }
}

function line(event: RecordedEvent, layout: Layout, options: EventsOptions): string {
  const text = plain(eventText(event))
  const when = whenText(event, options).padEnd(layout.when)
  const { columns } = process.stdout
  const isTerminal = process.stdout.isTTY === true && columns > 0
  // On a narrow terminal the text has lines of its own.
  const indent = layout.when + layout.name + 4
  if (isTerminal && columns < indent + MIN_TEXT_WIDTH)
    return [
      `${paint('dim', when.trimEnd())}  ${nameOf(event)}`,
      ...wrap(text, columns - 2).map((one) => `  ${one}`),
    ].join('\n')
  const head = `${paint('dim', when)}  ${nameOf(event).padEnd(layout.name)}  `
  if (!isTerminal) return head + text
  // The reason is at the end of the text, so the text is wrapped, not cut.
  return head + wrap(text, columns - indent).join(`\n${' '.repeat(indent)}`)
}

/** Returns the events that match `--grep`, deaths with their verdicts. */
async function selected(
  events: readonly RecordedEvent[],
  { grep }: EventsOptions,
): Promise<readonly RecordedEvent[]> {
  const judged = await withVerdicts(events)
  return grep === undefined ? judged : grep(judged, grepText)
}

/** Prints new events until it is interrupted, or the reader of the standard output exits. */
async function follow(cursor: string, layout: Layout, options: EventsOptions): Promise<void> {
  const abort = new AbortController()
  const filter = filterOf(options)
  onReaderGone(() => abort.abort())
  for await (const { event, gap } of followEvents(iapeerRoot(), { cursor, filter, signal: abort.signal })) {
    if (gap === true)
      process.stderr.write('iapeer: some events may be missing here: their file was removed\n')
    else
      for (const one of await selected([event], options))
        if (options.json) printJson(jsonOf(one))
        else print(line(one, layout, options))
  }
}

/** Checks the names and kinds of a selection that selects nothing. @throws IapeerError `usage`, `no-such-peer` */
async function checkSelection({ peer, ev }: EventsOptions): Promise<void> {
  for (const kind of ev.flat().filter((one) => !EVENT_KINDS.includes(one))) {
    // The log can have events of another version.
    if ((await readEvents(iapeerRoot(), { ev: [kind], limit: 1 })).events.length > 0) continue
    throw usageError(`unknown kind of event ${JSON.stringify(kind)}`, `Use one of ${EVENT_KINDS.join(', ')}.`)
  }
  if (peer !== undefined) await assertKnownName(peer)
}

export default defineCommand({
  name: 'events',
  exitCodes: { 4: 'no such peer' },
  summary: 'print the event log: starts, stops, restarts, deaths, each with its reason',
  options: OPTIONS,
  run: async ({ options }) => {
    const count = options.number ?? options.tail ?? DEFAULT_NUMBER
    await settleDeaths()
    const limit = options.grep === undefined ? { limit: count } : {}
    const past = await readEvents(iapeerRoot(), { ...filterOf(options), ...limit })
    if (past.events.length === 0) await checkSelection(options)
    const found = await selected(past.events, options)
    const events = found.slice(Math.max(0, found.length - count))
    const layout = layoutOf(events, options)
    await withLongOutput(!options.follow && !options.noPager && !options.json, async (output) => {
      for (const event of events) {
        if (options.json) await output.write(jsonText(jsonOf(event)))
        else if (!(await output.print(line(event, layout, options)))) break
      }
      if (events.length === 0 && !options.json && !options.follow) await output.print('no events recorded')
    })
    if (options.follow) return follow(past.cursor, layout, options)
  },
})
