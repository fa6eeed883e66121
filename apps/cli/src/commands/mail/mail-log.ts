import { parseLogfmt } from '@iapeer/core/logfmt'
import { iapeerRoot } from '@iapeer/core/paths'
import { type DeliveryLine, deliveryLogPath, readDeliveryLog, toMessageId } from '@iapeer/lifecycle/mail'
import { defineCommand } from '../../define-command.ts'
import { printFile } from '../../follow-file.ts'
import { withLongOutput } from '../../long-output.ts'
import { inLocale, jsonText, paint, plain } from '../../output.ts'
import { clockText, timeText } from '../../times.ts'
import { JSON_LINES, NO_PAGER, parseCount, SINCE, UTC } from '../options.ts'
import { reasonText, wayText } from './message-text.ts'

const DEFAULT_NUMBER = 50
const TIME_WIDTH = 10

interface LineOptions {
  readonly json: boolean
  readonly follow: boolean
  readonly utc: boolean
}

/** Returns a line of delivery.log as text: `3 s ago  m_...  ann to bob: taken by command-bob, directory`. */
function lineText(line: DeliveryLine, { json, follow, utc }: LineOptions): string {
  if (json) return jsonText(line)
  const { ts = '', id = '', from = '', to = '', state = '', way, identity, why, re } = line
  const time = (follow ? clockText : timeText)(ts, { utc }).padEnd(follow ? 0 : TIME_WIDTH)
  const who = identity === undefined ? '' : ` ${state === 'offered' ? 'to' : 'by'} ${plain(identity)}`
  const more = [
    ...(way === undefined ? [] : [wayText(way)]),
    ...(re === undefined ? [] : [`answers ${plain(re)}`]),
    ...(why === undefined ? [] : [reasonText(why) ?? '']),
  ]
  const text = `${plain(from)} to ${plain(to)}: ${[`${plain(state)}${who}`, ...more].join(', ')}`
  return `${inLocale(`${paint('dim', time)}  ${plain(id)}  ${text}`)}\n`
}

/** Returns a formatter of the lines that were not printed yet and are selected. */
function lineFormatter(
  seen: Set<string>,
  isSelected: (line: DeliveryLine) => boolean,
  options: LineOptions,
): (text: string, isLast: boolean) => string {
  let incomplete = ''
  return (text, isLast) => {
    const lines = `${incomplete}${text}`.split('\n')
    incomplete = isLast ? '' : (lines.pop() ?? '')
    let printed = ''
    for (const one of lines) {
      const { fields } = parseLogfmt(one)
      const key = `${fields['id']} ${fields['step']}`
      if (fields['id'] === undefined || seen.has(key)) continue
      seen.add(key)
      if (isSelected(fields)) printed += lineText(fields, options)
    }
    return printed
  }
}

export default defineCommand({
  name: 'mail log',
  summary: 'print delivery.log: every step of every message, without texts',
  details: 'It changes nothing.',
  exitCodes: { 4: 'not the id of a message' },
  args: { id: { optional: true, help: 'only this message' } },
  options: {
    follow: { short: 'f', help: 'keep printing new lines' },
    number: {
      short: 'n',
      value: 'count',
      help: 'how many of the newest past lines to print (default: 50)',
      parse: parseCount('--number', 'lines'),
    },
    since: SINCE,
    json: JSON_LINES,
    noPager: NO_PAGER,
    utc: UTC,
  },
  run: async ({ args: { id }, options }) => {
    const { since, number = DEFAULT_NUMBER, follow, json } = options
    const wanted = id === undefined ? undefined : toMessageId(id)
    const isSelected = ({ id: of, ts = '' }: DeliveryLine): boolean =>
      (wanted === undefined || of === wanted) && (since === undefined || Date.parse(ts) >= since)
    const all = readDeliveryLog(iapeerRoot())
    const found = all.filter(isSelected)
    const lines = found.slice(Math.max(0, found.length - number))
    await withLongOutput(!follow && !options.noPager && !json, async (output) => {
      for (const line of lines) if (!(await output.write(lineText(line, options)))) break
      if (lines.length === 0 && !json && !follow) await output.print('no messages recorded')
    })
    if (!follow) return
    const seen = new Set(all.map((line) => `${line['id']} ${line['step']}`))
    const format = lineFormatter(seen, isSelected, options)
    await printFile(deliveryLogPath(iapeerRoot()), { follow, format })
  },
})
