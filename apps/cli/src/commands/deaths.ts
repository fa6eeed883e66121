import { toIdentity } from '@iapeer/core/identity'
import type { ExitRecord } from '@iapeer/forensics'
import { EXIT } from '../exit-code.ts'
import { localTime, paint, print, printJson, table } from '../output.ts'
import { bringUpToDate, readDeaths, withKiller } from '../records.ts'
import { parseSince } from './since.ts'

interface DeathsOptions {
  readonly identity?: string
  readonly since?: string
  readonly follow?: boolean
  readonly json?: boolean
}

const POLL_MS = 250
const UP_TO_DATE_MS = 5_000

/** How it ended, in few words. */
function ending(record: ExitRecord): string {
  if (record.event === 'server-exit')
    return record.signal === undefined ? record.cause : `${record.cause} (${record.signal})`
  const how = record.signal ?? (record.exitCode === undefined ? undefined : `exit code ${record.exitCode}`)
  return how ?? record.cause ?? 'unknown'
}

const row = (record: ExitRecord): string[] => [
  localTime(record.ts),
  record.identity,
  record.event === 'server-exit' ? 'server' : 'session',
  ending(record),
  record.id,
]

const HEAD = ['WHEN', 'IDENTITY', 'WHAT', 'HOW', 'ID'].map((word) => paint('dim', word))

async function show(records: readonly ExitRecord[], options: DeathsOptions, head: boolean): Promise<void> {
  if (options.json === true) for (const record of records) printJson(await withKiller(record))
  else if (records.length > 0) print(table([...(head ? [HEAD] : []), ...records.map(row)]))
}

/** Prints what is new until the person ends it. Polled: it works on every file system, and across a replaced file. */
async function follow(
  seen: Set<string>,
  select: () => Promise<ExitRecord[]>,
  options: DeathsOptions,
): Promise<never> {
  let upToDate = performance.now()
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    if (process.stdout.destroyed) process.exit(EXIT.ok)
    if (performance.now() - upToDate > UP_TO_DATE_MS) {
      await bringUpToDate()
      upToDate = performance.now()
    }
    const fresh = (await select()).filter((record) => !seen.has(record.id))
    for (const record of fresh) seen.add(record.id)
    await show(fresh, options, false)
  }
}

export async function deaths(options: DeathsOptions): Promise<void> {
  const identity = options.identity === undefined ? undefined : toIdentity(options.identity)
  const from = options.since === undefined ? Number.NEGATIVE_INFINITY : parseSince(options.since, Date.now())
  const select = async (): Promise<ExitRecord[]> =>
    (await readDeaths()).filter(
      (record) => (identity === undefined || record.identity === identity) && Date.parse(record.ts) >= from,
    )
  await bringUpToDate()
  const found = await select()
  await show(found, options, true)
  if (found.length === 0 && options.json !== true)
    print(options.follow === true ? 'no deaths so far' : 'no deaths recorded')
  if (options.follow === true) await follow(new Set(found.map((record) => record.id)), select, options)
}
