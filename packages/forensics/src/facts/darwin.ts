import type { Fact, FactName } from '../fact.ts'
import { type Lifetime, positionIn } from '../lifetime.ts'
import { parseLogLine } from '../log-line.ts'
import { parseReport, type Report } from '../report.ts'
import { isFault } from '../signal-name.ts'
import { type Snapshot, sectionLines } from '../snapshot.ts'
import { isFromKernel, type PositionedLine } from './logs.ts'

/** A report in a snapshot: `<file> <first line>`, then the lines of its body if the recorder read it. */
const HEAD = /^([^\s/]{1,200}\.(?:ips|crash)) (.*)$/
const SECTIONS = ['diagnosticreports-user', 'diagnosticreports-system']

interface Found {
  readonly section: string
  readonly report: Report
}

function sectionReports(snapshot: Snapshot, section: string): Found[] {
  const texts: { file: string; text: string[] }[] = []
  for (const line of sectionLines(snapshot, section)) {
    const [, file, first] = HEAD.exec(line) ?? []
    if (file !== undefined) texts.push({ file, text: [first ?? ''] })
    else texts.at(-1)?.text.push(line)
  }
  return texts.flatMap(({ file, text }) => {
    const report = parseReport(file, text.join('\n'))
    return report === undefined ? [] : [{ section, report }]
  })
}

/** Returns the file names of the reports that a snapshot names; the caller reads those that still exist. */
export function reportFiles(snapshot: Snapshot): string[] {
  return SECTIONS.flatMap((section) =>
    sectionLines(snapshot, section).flatMap((line) => HEAD.exec(line)?.[1] ?? []),
  )
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : `, ${Math.round(bytes / 2 ** 20)} MiB`
}

/** Returns whether a report can be about this death: it was written between arming and shortly after the death. */
function canConcern(lifetime: Lifetime, at: string | undefined): 'yes' | 'no' | 'unknown' {
  if (at === undefined) return 'unknown'
  const { where } = positionIn(lifetime, parseLogLine(`${at} `).time)
  return where === 'near' || where === 'during' ? 'yes' : where === 'outside' ? 'no' : 'unknown'
}

/** Reasons of jetsam other than a lack of memory. */
const OTHER_REASON = /vnode|disk-space/

function jetsamFacts({ section, report }: Found, lifetime: Lifetime): Fact[] {
  if (report.kind !== 'jetsam') return []
  const when = canConcern(lifetime, report.at)
  const victim = report.killed.find((one) => one.pid === lifetime.pid)
  const largest = report.largest === undefined ? '' : `; the largest process was ${report.largest}`
  if (victim === undefined || when === 'no' || OTHER_REASON.test(victim.reason ?? ''))
    return when === 'no'
      ? []
      : [{ names: ['context'], section, text: `macOS wrote a jetsam report (${report.file})${largest}` }]
  const text = `macOS killed pid ${victim.pid} (${victim.name}${mebibytes(victim.bytes)}): ${victim.reason}${largest}`
  return [{ names: ['jetsam-kill'], section, text, weak: when === 'unknown' }]
}

/** macOS also writes a report about a process that it killed with SIGKILL, which is not a crash. */
function nameOf({ signal, exception, termination }: Report & { kind: 'crash' }): FactName {
  const isSignature = /\b(?:CODESIGNING|Code Signature Invalid)\b/i.test(`${termination} ${exception}`)
  if (isSignature && !(signal !== undefined && isFault(signal))) return 'broken-signature'
  const isCrash = signal === undefined ? exception === undefined || /^EXC_/.test(exception) : isFault(signal)
  return isCrash ? 'crash-report' : 'context'
}

function crashFacts({ section, report }: Found, lifetime: Lifetime): Fact[] {
  if (report.kind !== 'crash') return []
  const when = canConcern(lifetime, report.at)
  if (when === 'no') return []
  const details = [report.exception, report.signal, report.termination].filter((word) => word !== undefined)
  const text = `crash report ${report.file}${details.length === 0 ? '' : `: ${details.join(', ')}`}`
  const jetsammed = /^JETSAM\b/.test(report.termination ?? '')
  if (report.pid === lifetime.pid && report.pid !== undefined) {
    const name = jetsammed ? 'jetsam-kill' : nameOf(report)
    return [{ names: [name], section, text, weak: when === 'unknown' }]
  }
  // Without its body a report names only the program.
  const soon =
    report.at !== undefined && positionIn(lifetime, parseLogLine(`${report.at} `).time).where === 'near'
  const alike = report.pid === undefined && lifetime.subject === 'server' && /^tmux/i.test(report.app) && soon
  return [{ names: [alike ? 'crash-report-of-app' : 'context'], section, text }]
}

const KILLING =
  /^(?:\S+: )?(?:memorystatus: )?(?:killing_\w+|killing|suspending) (?:\w+ )*?(?:process )?(?:with )?pid (\d{1,10}) [[(]([^\])]*)[\])](?: \(([\w-]+))?/
const LOW_SWAP = /^low swap: killing .*?\bpid (\d{1,10}) \((.*?)\)/

function memorystatus(line: PositionedLine, lifetime: Lifetime): Fact[] {
  if (!isFromKernel(line)) return []
  const { section, message: text, position } = line
  const [, pid, , reason = ''] = KILLING.exec(text) ?? LOW_SWAP.exec(text) ?? []
  if (pid === undefined) return []
  if (Number(pid) !== lifetime.pid || OTHER_REASON.test(reason))
    return [{ names: ['context'], section, text }]
  return [{ names: ['jetsam-kill'], section, text, weak: position.where === 'unknown' }]
}

/**
 * Returns the facts in the reports and the kernel log of macOS.
 * @param more `bodies`: the complete report files that could be read, by file name
 */
export function darwinFacts(
  snapshot: Snapshot,
  lifetime: Lifetime,
  more: { readonly lines: readonly PositionedLine[]; readonly bodies: ReadonlyMap<string, string> },
): Fact[] {
  const found = SECTIONS.flatMap((section) => sectionReports(snapshot, section)).map((one) => {
    const body = more.bodies.get(one.report.file)
    const whole = body === undefined ? undefined : parseReport(one.report.file, body)
    return whole === undefined ? one : { ...one, report: whole }
  })
  return [
    ...found.flatMap((one) => [...jetsamFacts(one, lifetime), ...crashFacts(one, lifetime)]),
    ...more.lines.flatMap((line) => memorystatus(line, lifetime)),
  ]
}
