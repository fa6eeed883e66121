import { open, readdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '@iapeer/core/errors'
import { runProgram } from '@iapeer/core/exec'
import type { DeathAt } from './death-at.ts'
import { printed } from './journal.ts'
import type { Section } from './section.ts'
import type { Span } from './span.ts'

const LIMIT_MS = 10_000
/** Reports that were written up to this long before the recorded time count too. */
const REPORT_BEFORE_MS = 60_000
const MOST_REPORTS = 20
const FIRST_LINE_BYTES = 4_096

/** `log show` accepts a time with a zone (log(1)). */
const logTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}+0000`

/**
 * Selects what the kernel logs about memory pressure, and what crash and service managers log about tmux (log(1),
 * memorystatus in xnu).
 */
export function logArguments({ fromMs, toMs }: Span): string[] {
  return [
    'show',
    '--style',
    'syslog',
    '--start',
    logTime(fromMs),
    '--end',
    logTime(toMs),
    '--predicate',
    '(process == "kernel" AND (eventMessage CONTAINS "memorystatus" OR eventMessage CONTAINS "low swap")) OR (process IN {"ReportCrash", "launchd", "runningboardd"} AND eventMessage CONTAINS "tmux")',
  ]
}

export async function unifiedLogSection(span: Span, env: NodeJS.ProcessEnv): Promise<Section> {
  const argv = ['log', ...logArguments(span)] as const
  return { name: 'unified-log', found: printed('log', await runProgram(argv, { timeoutMs: LIMIT_MS, env })) }
}

async function firstLine(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead).split('\n')[0] ?? ''
  } finally {
    await file.close()
  }
}

/** Returns the crash and jetsam reports written since a death: the name and first line of each; the line names the process. */
async function reportsIn(directory: string, { atMs }: DeathAt): Promise<Section['found']> {
  try {
    const names = (await readdir(directory)).filter((name) => /\.(?:ips|crash)$/.test(name))
    const dated = await Promise.all(
      names.map(async (name) => ({ name, ms: (await stat(join(directory, name))).mtimeMs })),
    )
    const fresh = dated
      .filter(({ ms }) => ms >= atMs - REPORT_BEFORE_MS)
      .sort((one, other) => one.ms - other.ms)
    return await Promise.all(
      fresh
        .slice(0, MOST_REPORTS)
        .map(async ({ name }) => `${name} ${await firstLine(join(directory, name))}`),
    )
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return { unavailable: `${directory}: ${code}` }
  }
}

/** Returns the reports of this user and of the system. @param home the home directory of this user */
export async function reportSections(death: DeathAt, home = homedir()): Promise<Section[]> {
  return [
    {
      name: 'diagnosticreports-user',
      found: await reportsIn(join(home, 'Library/Logs/DiagnosticReports'), death),
    },
    { name: 'diagnosticreports-system', found: await reportsIn('/Library/Logs/DiagnosticReports', death) },
  ]
}
