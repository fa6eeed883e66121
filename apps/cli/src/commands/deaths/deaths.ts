import { statSync } from 'node:fs'
import { matchesPeer, toIdentity } from '@iapeer/core/identity'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { VERDICT_WORDS } from '@iapeer/forensics'
import { deathViewOf, type JudgedDeath, judgeDeaths, saveEvidence } from '@iapeer/lifecycle/deaths'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT, usageError } from '../../exit-code.ts'
import { GREP } from '../../grep.ts'
import { withLongOutput } from '../../long-output.ts'
import { jsonText, onReaderGone, plain, print, printJson } from '../../output.ts'
import { JSON_LINES, NO_PAGER, oneOf, parseCount, parsePeerFilter, SINCE, UTC } from '../options.ts'
import { assertKnownName } from '../peers/known-name.ts'
import { readDeaths, settleDeaths } from './death-records.ts'
import { deathTable } from './death-table.ts'
import { renamedHint } from './find-death.ts'
import { reportRecordingProblem } from './recording-problem.ts'
import { summarise, summaryText } from './summary.ts'

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
  tail: {
    short: 'n',
    value: 'count',
    help: 'only the newest past deaths, this many (default: all)',
    parse: parseCount('--tail', 'deaths'),
  },
  grep: GREP,
  follow: { short: 'f', help: 'keep printing new deaths' },
  summary: { help: 'print counts by verdict, by peer and by time' },
  json: JSON_LINES,
  noPager: NO_PAGER,
  utc: UTC,
} as const
type DeathsOptions = OptionValues<typeof OPTIONS>

const POLL_MS = 250
const SETTLE_INTERVAL_MS = 5_000
/** How many of the last rows set the column widths of a new row. */
const ROWS_KEPT = 100

/** Returns a text that changes whenever a line is appended to exits.log, or the file is replaced. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeMs}`
}

/** Prints new deaths until it is interrupted. Polling works on every file system, and when the file is replaced. */
async function follow(
  { all, found }: { readonly all: readonly JudgedDeath[]; readonly found: readonly JudgedDeath[] },
  select: (seen: ReadonlySet<string>) => Promise<JudgedDeath[]>,
  options: DeathsOptions,
): Promise<never> {
  const shown = [...found]
  const seen = new Set(all.map(({ record }) => record.id))
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
    const hadRows = shown.length > 0
    shown.push(...fresh)
    if (options.json) for (const death of fresh) printJson(deathViewOf(death))
    else if (fresh.length > 0) {
      const rows = deathTable(shown, options).split('\n')
      print(rows.slice(hadRows ? -fresh.length : 0).join('\n'))
    }
    shown.splice(0, shown.length - ROWS_KEPT)
  }
}

/** Returns the text that `--grep` is tested against. */
const grepText = ({ record, judged }: JudgedDeath): string =>
  [record.identity, judged.verdict, judged.confidence, record.id, plain(judged.summary)].join(' ')

/** Returns a function that reads the deaths that match the options and are not in `seen`. */
function selection(options: DeathsOptions): (seen: ReadonlySet<string>) => Promise<JudgedDeath[]> {
  const { identity, peer, verdict, grep, since: from = Number.NEGATIVE_INFINITY } = options
  return async (seen) => {
    // All deaths of that time are judged, so that an incident has all its deaths.
    const records = (await readDeaths()).filter((record) => Date.parse(record.ts) >= from)
    if (records.every((record) => seen.has(record.id))) return []
    await saveEvidence(
      iapeerRoot(),
      records.filter((record) => !seen.has(record.id)),
    )
    const judged = await judgeDeaths(iapeerRoot(), records)
    const found = judged.filter(
      (death) =>
        !seen.has(death.record.id) &&
        (identity === undefined || death.record.identity === identity) &&
        (peer === undefined || matchesPeer(death.record.identity, peer)) &&
        (verdict === undefined || death.judged.verdict === verdict),
    )
    return grep === undefined ? found : grep(found, grepText)
  }
}

/** Reports a name that no peer has or had, and the new name of a renamed peer. @throws IapeerError `no-such-peer` */
async function checkNames({ peer, identity }: DeathsOptions, found: readonly JudgedDeath[]): Promise<void> {
  const moved = peer === undefined ? undefined : renamedHint(peer)
  if (moved !== undefined) process.stderr.write(`${moved}\n`)
  const name = identity ?? peer
  if (found.length === 0 && name !== undefined) await assertKnownName(name)
}

/** Returns what to print instead of an empty list, which says nothing about deaths that the options exclude. */
function noneText({ identity, peer, verdict, grep, since, tail }: DeathsOptions): string {
  const isAll = [identity, peer, verdict, grep, since, tail].every((one) => one === undefined)
  return isAll ? 'no deaths recorded' : 'no deaths match'
}

/** Prints the deaths that match, or their counts. */
async function printDeaths(found: readonly JudgedDeath[], options: DeathsOptions): Promise<void> {
  if (options.summary && options.json) return printJson(summarise(found))
  await withLongOutput(!options.follow && !options.noPager && !options.json, async (output) => {
    if (options.summary) await output.print(summaryText(summarise(found), options))
    else if (options.json) for (const death of found) await output.write(jsonText(deathViewOf(death)))
    else if (found.length > 0) await output.print(deathTable(found, options))
    else await output.print(options.follow ? 'no deaths so far' : noneText(options))
  })
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
    const all = await select(new Set())
    await checkNames(options, all)
    const found = options.tail === undefined ? all : all.slice(Math.max(0, all.length - options.tail))
    // It prints deaths for hours, during which this package can be replaced or removed.
    if (options.follow) await (await import('../sessions/without-daemon.ts')).preloadFleet()
    await printDeaths(found, options)
    if (options.follow) await follow({ all, found }, select, options)
  },
})
