import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot } from '@iapeer/core/paths'
import type { ExitRecord } from '@iapeer/forensics'
import { filesOf, judgeDeath, textOf } from '@iapeer/lifecycle/deaths'
import { type RecordedEvent, readEvents } from '@iapeer/lifecycle/eventlog'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { plain, print, printJson } from '../../output.ts'
import { JSON_OUTPUT } from '../options.ts'
import { autopsyMarkdown, autopsyScreen } from './autopsy-screen.ts'
import { readDeaths, settleDeaths } from './bring-up-to-date.ts'
import { findDeath } from './find-death.ts'
import { AROUND_MS, timeline } from './timeline.ts'

const OPTIONS = {
  json: JSON_OUTPUT,
  markdown: { help: 'to paste into an issue, without what was on its screen' },
  withScreen: { help: 'with --markdown: its last screen too; it can hold anything' },
  raw: { help: 'the files as they are' },
} as const
type AutopsyOptions = OptionValues<typeof OPTIONS>

function checkOptions({ json, markdown, raw, withScreen }: AutopsyOptions): void {
  if ([json, markdown, raw].filter((one) => one).length > 1)
    throw usageError('--json, --markdown and --raw are three forms of one thing', 'Choose one.')
  if (withScreen && !markdown)
    throw usageError('--with-screen belongs to --markdown', 'The other forms have the screen already.')
}

async function eventsAround(ts: string): Promise<readonly RecordedEvent[]> {
  const since = new Date(Date.parse(ts) - AROUND_MS)
  return (await readEvents(iapeerRoot(), { since })).events
}

async function printRaw(record: ExitRecord): Promise<void> {
  const texts = await Promise.all(
    filesOf(iapeerRoot(), record).map(async (path) => ({ path, text: await textOf(path) })),
  )
  const found = texts.filter(({ text }) => text !== '')
  if (found.length === 0)
    throw new IapeerError(`the files of ${record.id} are gone, or there never were any`, {
      code: 'no-files',
      hint: 'iapeer autopsy without --raw shows what the line in exits.log says.',
    })
  // On a terminal, what a screen held must not act on this one.
  const shown = (text: string): string =>
    process.stdout.isTTY === true ? text.split('\n').map(plain).join('\n') : text
  for (const { path, text } of found) print(`==> ${path} <==\n${shown(text.trimEnd())}`)
}

export default defineCommand({
  name: 'autopsy',
  summary: 'why it died: verdict, evidence, who did it, what to do',
  args: {
    name: {
      label: 'peer|identity|id',
      help: 'a peer or an identity (its last death), or the id of one death',
    },
  },
  options: OPTIONS,
  run: async ({ args: { name }, options }) => {
    checkOptions(options)
    await settleDeaths()
    const records = await readDeaths()
    const it = findDeath(records, name)
    if (options.raw) return printRaw(it)
    const death = await judgeDeath(iapeerRoot(), it, records)
    const { judged, incident } = death
    if (options.json)
      return printJson({
        id: it.id,
        ...judged,
        ...(incident === undefined ? {} : { incident: incident.id }),
      })
    if (options.markdown) return print(autopsyMarkdown({ death, moments: [] }, options.withScreen))
    print(autopsyScreen({ death, moments: timeline(it, records, await eventsAround(it.ts)) }))
  },
})
