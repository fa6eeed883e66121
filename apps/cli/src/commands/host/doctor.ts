import { statSync } from 'node:fs'
import { iapeerRoot } from '@iapeer/core/paths'
import {
  answeringDaemon,
  type CheckGroup,
  type DoctorContext,
  daemonStatus,
  type Examined,
  type Finding,
  type Level,
  needsAttention,
  runDoctor,
  SYSTEM_PATHS,
  thisServiceSystem,
} from '@iapeer/host'
import { defineCommand } from '../../define-command.ts'
import { EXIT } from '../../exit-code.ts'
import { paint, plain, print, printJson } from '../../output.ts'
import { tableWidth } from '../../table.ts'
import { version } from '../../version.ts'
import { wrap } from '../../wrap.ts'
import { daemonFault } from '../daemon/daemon-status-text.ts'

/** The width of the findings, in columns. */
const width = (): number => Math.min(80, tableWidth())

const GROUPS = {
  host: 'This host',
  tmux: 'tmux',
  sessions: 'Sessions',
  files: 'Files',
} satisfies Record<CheckGroup, string>

const GLYPH = {
  ok: paint('green', '✓'),
  note: paint('dim', '·'),
  warning: paint('yellow', '!'),
  error: paint('red', '✕'),
} satisfies Record<Level, string>

function printLines(text: string, indent: string): void {
  for (const line of wrap(plain(text), width() - indent.length)) print(`${indent}${line}`)
}

function report({ level, what, where, fix, fixed }: Finding): void {
  const [first = '', ...more] = wrap(plain(what), width() - 4)
  print(`  ${fixed === true ? GLYPH.ok : GLYPH[level]} ${first}`)
  for (const line of more) print(`    ${line}`)
  if (where !== undefined) printLines(where, '      ')
  if (fix !== undefined) printLines(`${fixed === true ? 'done: ' : '-> '}${fix}`, '      ')
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

function printAll(examined: readonly Examined[]): void {
  for (const [group, title] of Object.entries(GROUPS)) {
    const findings = examined.filter(({ check }) => check.group === group).flatMap((one) => one.findings)
    if (findings.length === 0) continue
    print(paint('bold', title))
    for (const finding of findings) report(finding)
  }
  print(`\n${summary(examined)}`)
}

function summary(examined: readonly Examined[]): string {
  const open = examined.flatMap((one) => one.findings).filter(({ fixed }) => fixed !== true)
  const errors = open.filter(({ level }) => level === 'error').length
  const warnings = open.filter(({ level }) => level === 'warning').length
  if (errors + warnings === 0) return `${paint('green', '✓')} no problems found`
  const counts = [
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ]
  return `${paint(errors > 0 ? 'red' : 'yellow', '!')} ${counts.join(', ')}`
}

async function knownDaemon(): Promise<Pick<DoctorContext, 'daemon'>> {
  const found = await daemonStatus(iapeerRoot())
  if (found.state === 'stopped') return {}
  const fault = daemonFault(found)
  const { health } = (found.state === 'running' && (await answeringDaemon(iapeerRoot()))) || {}
  const removed = health?.problems.find(({ id }) => id === 'program-removed')?.where
  return {
    daemon: {
      pid: found.pid,
      ...('version' in found ? { version: found.version } : {}),
      ...('notifications' in found ? { notifications: found.notifications } : {}),
      ...(fault === undefined ? {} : { fault }),
      ...(removed === undefined ? {} : { removedProgram: removed }),
    },
  }
}

async function context(fix: boolean): Promise<DoctorContext> {
  return {
    ...(await knownDaemon()),
    root: iapeerRoot(),
    paths: SYSTEM_PATHS,
    system: thisServiceSystem(),
    now: new Date(),
    nodeVersion: process.versions.node,
    version: version(),
    builtAt: statSync(new URL(import.meta.url)).mtime,
    fix,
  }
}

/** Exits with 1 if a warning or an error remains. */
export default defineCommand({
  name: 'doctor',
  exitCodes: { 1: 'a warning or an error remains, or failed' },
  summary: 'check this host for what could kill peers or hide their deaths',
  options: {
    fix: { help: 'fix file modes, remove stale files and record missed deaths; prints what was done' },
    json: { help: 'print NDJSON: a line with one JSON object per finding' },
  },
  run: async ({ options }) => {
    const examined = await runDoctor(await context(options.fix))
    if (needsAttention(examined)) process.exitCode = EXIT.failed
    if (!options.json) return printAll(examined)
    for (const { check, findings } of examined)
      for (const finding of findings) printJson({ check: check.id, ...finding })
  },
})
