import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { IapeerError } from '@iapeer/core/errors'
import { iapeerRoot, rootLayout } from '@iapeer/core/paths'
import { peerNamed, presentIdentity } from '@iapeer/lifecycle/fleet'
import { readPaneLogTimes } from '@iapeer/lifecycle/supervise'
import type { OptionValues } from '../../command-spec.ts'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { GREP } from '../../grep.ts'
import { ifExists } from '../../if-exists.ts'
import { withLongOutput } from '../../long-output.ts'
import { onReaderGone } from '../../output.ts'
import { clockText, timeText } from '../../times.ts'
import { NO_PAGER, parseCount, SINCE, UTC } from '../options.ts'
import { PEER } from '../peers/peer-argument.ts'
import { sessionName } from '../peers/session-name.ts'
import { advisedPeer } from './advised-peer.ts'
import { followLog } from './follow-log.ts'
import { type LogPart, partsOf, selectRuns } from './log-runs.ts'
import { printLog } from './print-log.ts'
import { startAdvice } from './start-advice.ts'

const OPTIONS = {
  follow: { short: 'f', help: 'keep printing new output' },
  tail: {
    short: 'n',
    value: 'count',
    help: 'only the last lines, this many (default: all)',
    parse: parseCount('--tail', 'lines'),
  },
  lastRun: { help: 'only the output since the peer was started last' },
  since: {
    ...SINCE,
    help: 'only output since this time: 10m, 2h or 3d ago, or a date; exact to a minute while the daemon runs',
  },
  grep: GREP,
  noPager: NO_PAGER,
  utc: UTC,
} as const
type LogsOptions = OptionValues<typeof OPTIONS>

interface LogFile {
  readonly file: FileHandle
  readonly size: number
  readonly writtenAt: number
}

async function openLog(path: string): Promise<LogFile | undefined> {
  const file = await ifExists(open(path, constants.O_RDONLY | constants.O_NONBLOCK))
  if (file === undefined) return undefined
  const { size, mtimeMs } = await file.stat()
  return { file, size, writtenAt: mtimeMs }
}

const TAIL_BYTES = 64 * 1024

/** Returns the position behind the last newline before a position, at most {@link TAIL_BYTES} before it. */
async function lineStart(file: FileHandle, position: number): Promise<number> {
  const start = Math.max(0, position - TAIL_BYTES)
  const { bytesRead, buffer } = await file.read(Buffer.alloc(position - start), 0, position - start, start)
  return start + buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
}

/** Returns the selected parts; the first one begins with a whole line. */
async function withWholeLines(
  selected: readonly LogPart[],
  parts: readonly LogPart[],
): Promise<readonly LogPart[]> {
  const [first, ...more] = selected
  if (first === undefined) return []
  const whole = parts.find(({ file, run }) => file === first.file && run === first.run)
  const from = Math.max(whole?.from ?? 0, await lineStart(first.file, first.from))
  return [{ ...first, from }, ...more]
}

/** Reports that `--last-run` prints everything, if the log has no mark of a run. */
function reportUnmarked(parts: readonly LogPart[]): void {
  if (parts.length > 0 && parts.every(({ startedAt }) => startedAt === undefined))
    process.stderr.write('iapeer: this log has no mark where a run began: all of it is printed\n')
}

/** Prints the selected part of a log. */
async function printPast(files: readonly LogFile[], path: string, options: LogsOptions): Promise<void> {
  const { follow, grep, lastRun, since, tail, utc } = options
  const newest = files.at(-1)
  if (newest === undefined) return
  const parts = await partsOf(files)
  if (lastRun) reportUnmarked(parts)
  const sizes = since === undefined ? [] : await readPaneLogTimes(path)
  const { file, size, writtenAt } = newest
  // Sizes of a log that was truncated since do not count.
  const times = { file, writtenAt, sizes: (sizes.at(-1)?.bytes ?? 0) > size ? [] : sizes }
  const selected = await withWholeLines(selectRuns(parts, { lastRun, since }, times), parts)
  const hasHeadings = new Set(parts.map(({ run }) => run)).size > 1
  const time = (iso: string): string => (follow ? clockText : timeText)(iso, { utc })
  await withLongOutput(!follow && !options.noPager, async (output) => {
    await printLog(selected, { tail, grep, time, isOpen: follow, hasHeadings }, output)
  })
}

/** Prints the kept log, and then, with `--follow`, what is appended. @returns false if the peer has no log */
async function printLogs(path: string, options: LogsOptions): Promise<boolean> {
  const { follow, grep, utc } = options
  const rotated = await openLog(`${path}.1`)
  const log = await openLog(path)
  if (log === undefined && !follow) return false
  if (follow) onReaderGone(() => process.exit(EXIT.ok))
  // The rest of an incomplete line cannot be tested yet.
  const end =
    log !== undefined && follow && grep !== undefined ? await lineStart(log.file, log.size) : (log?.size ?? 0)
  const files = [rotated, log === undefined ? undefined : { ...log, size: end }].filter(
    (one) => one !== undefined,
  )
  await printPast(files, path, options)
  for (const { file } of files) await file.close()
  if (follow) await followLog(path, { from: end, grep, utc })
  return true
}

export default defineCommand({
  name: 'logs',
  exitCodes: { 3: 'no output yet', 4: 'no such peer' },
  summary: 'print the terminal output of a peer; a line marks where each run began',
  args: { peer: PEER },
  options: OPTIONS,
  run: async ({ args: { peer }, options }) => {
    const root = iapeerRoot()
    const named = await peerNamed(root, peer)
    const identity = await presentIdentity(root, named)
    if (await printLogs(join(rootLayout(root).paneLogDir, `${identity}.log`), options)) return
    throw new IapeerError(`${sessionName(identity, named.entry.runtimes).shown} has no output yet`, {
      code: 'not-running',
      hint: startAdvice(peer, await advisedPeer(root, peer)),
    })
  },
})
