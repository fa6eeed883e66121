import { statSync } from 'node:fs'
import { matchesPeer, toIdentity } from '@iapeer/core/identity'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { VERDICT_WORDS } from '@iapeer/forensics'
import { deathViewOf, type JudgedDeath, judgeDeaths } from '@iapeer/lifecycle/deaths'
import type { OptionValues } from '../../command-spec.ts'
import { cut, fit } from '../../cut.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT, usageError } from '../../exit-code.ts'
import { onReaderGone, paint, print, printJson, textWidth } from '../../output.ts'
import { table } from '../../table.ts'
import { spanText, type TimeOptions } from '../../times.ts'
import { oneOf, parsePeerFilter, SINCE, UTC } from '../options.ts'
import { readDeaths, settleDeaths } from './death-records.ts'
import { renamedHint, shortId } from './find-death.ts'
import { reportRecordingProblem } from './recording-problem.ts'
import { printSummary, summarise } from './summary.ts'

const OPTIONS = {
  peer: { value: 'peer', help: 'only deaths of this peer', parse: parsePeerFilter },
  identity: { value: 'identity', help: 'only deaths of this identity', parse: toIdentity },
  verdict: {
    value: 'verdict',
    help: 'only deaths with this verdict (cgroup-oom, crashed, ...)',
    parse: oneOf(VERDICT_WORDS, (text) =>
      usageError(`unknown verdict ${JSON.stringify(text)}`, `Use one of ${VERDICT_WORDS.join(', ')}.`),
    ),
  },
  since: SINCE,
  follow: { short: 'f', help: 'keep printing new deaths' },
  summary: { help: 'print counts by verdict, by peer and by time' },
  json: { help: 'print one JSON object per line' },
  utc: UTC,
} as const
type DeathsOptions = OptionValues<typeof OPTIONS>

const POLL_MS = 250
const SETTLE_INTERVAL_MS = 5_000
/** How many of the last rows set the column widths of a new row. */
const ROWS_KEPT = 100

const CONFIDENCE = { high: 'green', medium: 'yellow', low: 'red' } as const

/** The width of the other columns. On a narrow terminal long names are cut, so that the ids stay whole. */
const OTHER_COLUMNS = 63
const nameWidth = (): number =>
  process.stdout.isTTY === true ? Math.max(12, textWidth() - OTHER_COLUMNS) : Number.POSITIVE_INFINITY

const row = ({ record, judged }: JudgedDeath, options: TimeOptions): string[] => [
  spanText(record.seenAlive, record.ts, options),
  cut(record.identity, nameWidth()),
  judged.verdict,
  paint(CONFIDENCE[judged.confidence], judged.confidence),
  shortId(record),
]

const HEAD = ['WHEN', 'IDENTITY', 'VERDICT', 'CONFIDENCE', 'ID'].map((word) => paint('dim', word))

/** Prints the deaths of `found` from index `above` on, in columns that fit all of `found`. */
function show(found: readonly JudgedDeath[], options: DeathsOptions, above = 0): void {
  const fresh = found.slice(above)
  if (options.json) for (const death of fresh) printJson(deathViewOf(death))
  else if (fresh.length > 0) {
    const lines = fit(table([HEAD, ...found.map((death) => row(death, options))])).split('\n')
    print(lines.slice(above === 0 ? 0 : above + 1).join('\n'))
  }
}

/** Returns a text that changes whenever a line is appended to exits.log, or the file is replaced. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeMs}`
}

/** Prints new deaths until it is interrupted. Polling works on every file system, and when the file is replaced. */
async function follow(
  shown: JudgedDeath[],
  select: (seen: ReadonlySet<string>) => Promise<JudgedDeath[]>,
  options: DeathsOptions,
): Promise<never> {
  const seen = new Set(shown.map(({ record }) => record.id))
  const { exitsLog } = rootLayout(iapeerRoot()).records
  let settledAt = performance.now()
  let stamp: string | undefined
  onReaderGone(() => process.exit(EXIT.ok))
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    if (performance.now() - settledAt > SETTLE_INTERVAL_MS) {
      await settleDeaths()
      settledAt = performance.now()
    }
    const now = stampOf(exitsLog)
    if (now === stamp) continue
    stamp = now
    const fresh = await select(seen)
    for (const { record } of fresh) seen.add(record.id)
    shown.push(...fresh)
    show(shown, options, shown.length - fresh.length)
    shown.splice(0, shown.length - ROWS_KEPT)
  }
}

/** Returns a function that reads the deaths that match the options and are not in `seen`. */
function selection(options: DeathsOptions): (seen: ReadonlySet<string>) => Promise<JudgedDeath[]> {
  const { identity, peer, verdict, since: from = Number.NEGATIVE_INFINITY } = options
  return async (seen) => {
    // All deaths of that time are judged, so that an incident has all its deaths.
    const records = (await readDeaths()).filter((record) => Date.parse(record.ts) >= from)
    if (records.every((record) => seen.has(record.id))) return []
    const judged = await judgeDeaths(iapeerRoot(), records)
    return judged.filter(
      (death) =>
        !seen.has(death.record.id) &&
        (identity === undefined || death.record.identity === identity) &&
        (peer === undefined || matchesPeer(death.record.identity, peer)) &&
        (verdict === undefined || death.judged.verdict === verdict),
    )
  }
}

export default defineCommand({
  name: 'deaths',
  exitCodes: { 4: 'no such peer' },
  summary: 'list recorded deaths, oldest first',
  options: OPTIONS,
  run: async ({ options }) => {
    if (options.summary && options.follow)
      throw usageError('--summary cannot be combined with --follow', 'Use one of them.')
    const select = selection(options)
    await reportRecordingProblem(settleDeaths)
    const found = await select(new Set())
    const moved = options.peer === undefined ? undefined : renamedHint(options.peer)
    if (moved !== undefined) process.stderr.write(`${moved}\n`)
    if (options.summary) {
      const summary = summarise(found)
      return options.json ? printJson(summary) : printSummary(summary)
    }
    show(found, options)
    if (found.length === 0 && !options.json) print(options.follow ? 'no deaths so far' : 'no deaths recorded')
    if (options.follow) await follow(found, select, options)
  },
})
