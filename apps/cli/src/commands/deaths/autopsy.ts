import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import { type ExitRecord, RULES_VERSION } from '@iapeer/forensics'
import {
  deathUsage,
  filesOf,
  type JudgedDeath,
  judgeDeath,
  readContext,
  textOf,
  usagePath,
} from '@iapeer/lifecycle/deaths'
import { type RecordedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import { type InFlight, messagesInFlight, senderName } from '@iapeer/lifecycle/mail'
import { readDeathConversation } from '@iapeer/lifecycle/sessions'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { withLongOutput } from '../../long-output.ts'
import { plain, printExact, printJson } from '../../output.ts'
import { JSON_OUTPUT, NO_PAGER, UTC } from '../options.ts'
import { afterDeath } from './after-death.ts'
import { type AutopsyView, autopsyMarkdown, autopsyScreen } from './autopsy-screen.ts'
import { readDeaths, settleDeaths } from './death-records.ts'
import { findDeath } from './find-death.ts'
import { reportRecordingProblem } from './recording-problem.ts'
import { AROUND_MS, timeline } from './timeline.ts'

const OPTIONS = {
  json: JSON_OUTPUT,
  markdown: { help: 'print Markdown for an issue, without the last screen' },
  withScreen: { help: 'with --markdown: include the last screen, which may contain secrets' },
  raw: { help: 'print the recorded files unchanged' },
  rejudge: { help: 'judge anew by the present rules, show the kept verdict too, and keep the new one' },
  noPager: NO_PAGER,
  utc: UTC,
} as const
type AutopsyOptions = OptionValues<typeof OPTIONS>

function checkOptions({ json, markdown, raw, withScreen, rejudge }: AutopsyOptions): void {
  if ([json, markdown, raw].filter((one) => one).length > 1)
    throw usageError('--json, --markdown and --raw cannot be combined', 'Use one of them.')
  if (raw && rejudge) throw usageError('--raw and --rejudge cannot be combined', 'Use one of them.')
  if (withScreen && !markdown)
    throw usageError(
      '--with-screen needs --markdown',
      'Without --markdown, the last screen is always printed.',
    )
}

/** How long before a death the launch that it ended may have begun, in milliseconds. */
const LAUNCH_MS = 10 * 60_000

/** Returns the events from shortly before a death on. */
async function eventsBefore(ts: string): Promise<readonly RecordedEvent[]> {
  const since = new Date(Date.parse(ts) - Math.max(AROUND_MS, LAUNCH_MS))
  return (await readEvents(iapeerRoot(), { since })).events
}

async function printRaw(record: ExitRecord): Promise<void> {
  const texts = await Promise.all(
    [...filesOf(iapeerRoot(), record), usagePath(iapeerRoot(), record.id)].map(async (path) => ({
      path,
      text: await textOf(path),
    })),
  )
  const found = texts.filter(({ text }) => text !== '')
  if (found.length === 0)
    throw new IapeerError(`the death ${record.id} has no files: they were removed, or none were written`, {
      code: 'no-files',
      hint: 'iapeer autopsy without --raw prints what exits.log says.',
    })
  // The recorded screen can contain control sequences, which must not act on this terminal.
  const shown = (text: string): string =>
    process.stdout.isTTY === true ? text.split('\n').map(plain).join('\n') : text
  for (const { path, text } of found) printExact(`==> ${path} <==\n${shown(text.trimEnd())}`)
}

/** Returns the verdict that was shown until now, and the version of the rules that gave it. */
function keptOf({ kept, judged }: JudgedDeath): NonNullable<AutopsyView['before']> {
  const { verdict, confidence, summary } = kept?.verdict ?? judged
  return { verdict, confidence, summary, rules: kept?.rules ?? RULES_VERSION }
}

/** Returns a message in flight as JSON: its state at the death, and now. */
const messageJson = ({ atDeath, message }: InFlight): object => ({
  ...{ id: message.id, from: senderName(message.from), topic: message.topic },
  ...{ atDeath: atDeath.state, now: message.state, why: message.why },
})

export default defineCommand({
  name: 'autopsy',
  exitCodes: { 4: 'no such death' },
  summary: 'explain a death: verdict, confidence, evidence, what to do',
  args: {
    name: {
      label: 'peer|identity|id',
      optional: true,
      help: 'a peer or an identity, for its last death, or the first characters of the id of a death (default: the last death)',
    },
  },
  options: OPTIONS,
  run: async ({ args: { name }, options }) => {
    checkOptions(options)
    await reportRecordingProblem(settleDeaths)
    const records = await readDeaths()
    const it = findDeath(records, name)
    if (options.raw) return printRaw(it)
    const first = await judgeDeath(iapeerRoot(), it, records)
    const death = options.rejudge ? await judgeDeath(iapeerRoot(), it, records, { anew: true }) : first
    const before = options.rejudge ? keptOf(first) : undefined
    const { judged, incident, isProvisional } = death
    const inFlight =
      it.gen === undefined ? [] : await messagesInFlight(iapeerRoot(), { gen: it.gen, ts: it.ts })
    const context = await readContext(iapeerRoot(), it.id)
    const conversation = (await readDeathConversation(iapeerRoot(), it.id))?.id
    const usage = await deathUsage(iapeerRoot(), it)
    if (options.json)
      return printJson({
        id: it.id,
        ...judged,
        ...(conversation === undefined ? {} : { conversation }),
        ...(incident === undefined ? {} : { incident: incident.id }),
        ...(isProvisional === true ? { provisional: true } : {}),
        ...(before === undefined ? {} : { kept: before }),
        ...(usage === undefined ? {} : { usage }),
        ...(inFlight.length === 0 ? {} : { messages: inFlight.map(messageJson) }),
        ...context,
      })
    if (options.markdown)
      return printExact(autopsyMarkdown({ death, moments: [], context, usage }, options.withScreen))
    const events = await eventsBefore(it.ts)
    const after = await afterDeath(it, { verdict: judged.verdict, records, events })
    const moments = timeline(it, records, events)
    await withLongOutput(!options.noPager, async (output) => {
      const view = { death, moments, utc: options.utc, after, before, inFlight, context, conversation, usage }
      await output.print(autopsyScreen(view))
    })
  },
})
