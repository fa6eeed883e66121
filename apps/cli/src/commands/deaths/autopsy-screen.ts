import {
  adviceFor,
  type Evidence,
  type ExitRecord,
  type Killer,
  lastScreen,
  lastWords,
  publishedKiller,
  RULES_VERSION,
  type Snapshot,
  STARTED_BY,
  type Verdict,
} from '@iapeer/forensics'
import type { DeathContext, DeathUsage, JudgedDeath } from '@iapeer/lifecycle/deaths'
import type { InFlight } from '@iapeer/lifecycle/mail'
import { cut } from '../../cut.ts'
import { localTime, paint, plain, textWidth } from '../../output.ts'
import { durationText, timeText, utcTime } from '../../times.ts'
import { fill, wrap } from '../../wrap.ts'
import type { AfterDeath } from './after-death.ts'
import { contextRows, doingText } from './context-rows.ts'
import { mailLines } from './mail-lines.ts'
import type { Moment } from './timeline.ts'

/** The content of an autopsy. */
export interface AutopsyView {
  readonly death: JudgedDeath
  readonly moments: readonly Moment[]
  /** Whether times are printed in UTC. */
  readonly utc?: boolean
  /** The messages that were with the session when it died. */
  readonly inFlight?: readonly InFlight[]
  /** What was known about the session before it died. */
  readonly context?: DeathContext
  /** The id of the conversation that the session was in. */
  readonly conversation?: string | undefined
  /** What it used in the last minutes before its death. */
  readonly usage?: DeathUsage | undefined
  /** What the advice depends on. */
  readonly after?: AfterDeath
  /** With `--rejudge`: the verdict that was shown until now, and the version of its rules. */
  readonly before?:
    | (Pick<Verdict, 'verdict' | 'confidence' | 'summary'> & { readonly rules: number })
    | undefined
}

const CONFIDENCE = { high: 'green', medium: 'yellow', low: 'red' } as const
const MAX_EVIDENCE = 10
const MAX_SCREEN_LINES = 8
/** The least width of the texts of a timeline. */
const MIN_MOMENT_TEXT = 24

const heading = (text: string): string => `\n${paint('bold', text)}`

const LABEL = 13
/** Breaks a text into lines; if a word, such as a path, is longer than a line, the lines are broken at any character. */
function breakLines(text: string, width: number): string[] {
  const fits = text.split(' ').every((word) => word.length <= width || word.includes('\u001b'))
  return fits ? wrap(text, width) : fill(text, width)
}

/** Returns the time of a death, or, if that is not known, the two times between which it died. */
function whenText({ ts, seenAlive }: ExitRecord, utc: boolean): string {
  const time = (iso: string): string => (utc ? utcTime(iso) : `${timeText(iso)}, ${localTime(iso)}`)
  if (seenAlive === undefined) return time(ts)
  return `between ${time(seenAlive)} (last seen running) and ${time(ts)} (found dead)`
}

function recorderText({ recorder }: ExitRecord): string {
  if (recorder === undefined || recorder === 'none') return 'a later command or the daemon'
  return recorder === 'hook' ? 'its exit hook' : `its ${recorder}`
}

/** Returns the lines about the verdict: how sure it is, whether it can still change, and what was shown until now. */
function verdictRows({ death: { judged, isProvisional, kept }, before }: AutopsyView): [string, string][] {
  const confidence = paint(CONFIDENCE[judged.confidence], judged.confidence)
  const open = isProvisional === true ? ', provisional: the system may still log why' : ''
  const rows: [string, string][] = [
    ['verdict', `${paint('bold', judged.verdict)} (confidence ${confidence}${open})`],
  ]
  if (before !== undefined)
    rows.push([
      'before',
      `${before.verdict} (confidence ${before.confidence}, rules ${before.rules}): ${plain(before.summary)}`,
    ])
  else if (kept !== undefined && kept.rules !== RULES_VERSION)
    rows.push([
      'rules',
      `judged by rules ${kept.rules}; iapeer autopsy --rejudge applies rules ${RULES_VERSION}`,
    ])
  return rows
}

function facts(view: AutopsyView, width: number): string {
  const {
    death: { record, incident, findings },
    utc = false,
    conversation,
  } = view
  const rows: [label: string, text: string][] = [
    ...verdictRows(view),
    ['when', whenText(record, utc)],
    ['recorded by', recorderText(record)],
    ['id', record.id],
    ...contextRows(record, view.context ?? {}),
  ]
  if (conversation !== undefined)
    rows.push([
      'conversation',
      `${conversation}; resume it: iapeer start ${record.identity} --conversation ${conversation}`,
    ])
  if (view.usage !== undefined) rows.push(['usage', view.usage.summary])
  if (incident !== undefined)
    rows.push(['incident', `${incident.deaths.length} deaths with one cause (${plain(incident.cause)})`])
  if (record.forensics !== undefined && findings.snapshot === undefined)
    rows.push(['snapshot', 'cannot be read'])
  const room = width - LABEL
  const indent = `\n${' '.repeat(LABEL)}`
  return rows.map(([label, text]) => label.padEnd(LABEL) + breakLines(text, room).join(indent)).join('\n')
}

/** Omits the screen and the killer, which have sections of their own. */
const shownEvidence = (evidence: readonly Evidence[]): Evidence[] =>
  evidence
    .filter(({ section, fact }) => section !== 'pane-tail' && !fact.startsWith(STARTED_BY))
    .slice(0, MAX_EVIDENCE)

function evidenceLines(evidence: readonly Evidence[], width: number): string[] {
  const shown = shownEvidence(evidence)
  const column = Math.max(...shown.map(({ section }) => section.length)) + 2
  return shown.map(({ section, fact, contradicts }) => {
    const mark = contradicts === true ? paint('red', '!') : ' '
    const text = contradicts === true ? `against this verdict: ${fact}` : fact
    const body = wrap(plain(text), width - column - 2).join(`\n${' '.repeat(column + 2)}`)
    return `${mark} ${paint('dim', section.padEnd(column))}${body}`
  })
}

function killerLines(killer: Killer, width: number): string[] {
  return [killer, ...killer.ancestors].map(({ pid, command }, depth) => {
    const branch = depth === 0 ? '' : `${' '.repeat(Math.min(depth, 6) * 2 - 2)}└ `
    return cut(`  ${branch}pid ${pid}  ${plain(command)}`, width)
  })
}

/** Returns when a moment was, relative to the death: `17 s before`. */
function momentTime(ts: string, deathTs: string): string {
  const ms = Date.parse(ts) - Date.parse(deathTs)
  if (Math.abs(ms) < 1_000) return 'same second'
  return ms < 0 ? `${durationText(-ms)} before` : `${durationText(ms)} after`
}

function momentLines({ moments, utc, death }: AutopsyView, width: number): string[] {
  const timeOf = ({ ts, isThisDeath }: Moment): string => {
    if (utc === true) return utcTime(ts)
    return isThisDeath ? 'this death' : momentTime(ts, death.record.ts)
  }
  const times = Math.max(...moments.map((moment) => timeOf(moment).length)) + 2
  const names = Math.max(...moments.map(({ identity }) => identity.length)) + 2
  // On a narrow terminal the text has lines of its own.
  const indent = width - times - names - 2 < MIN_MOMENT_TEXT ? times : times + names
  return moments.flatMap((moment) => {
    const paintLine = (line: string): string => (moment.isThisDeath ? paint('bold', line) : line)
    const [first = '', ...more] = wrap(moment.text, width - 2 - indent)
    const head = timeOf(moment).padEnd(times) + moment.identity.padEnd(names)
    const rest = indent === times ? [first, ...more] : more
    return [
      `${moment.isThisDeath ? paint('red', '✕') : ' '} ${paintLine(cut(indent === times ? head.trimEnd() : head + first, width - 2))}`,
      ...rest.map((line) => `  ${' '.repeat(indent)}${paintLine(line)}`),
    ]
  })
}

function adviceLines({ death: { record, judged }, after }: AutopsyView): string[] {
  const advice = adviceFor(judged, after)
  const lines = advice.map((line) => line.replaceAll('<peer>', record.identity))
  return after?.next === undefined ? lines : [...lines, after.next]
}

/** Returns the end of the last screen, with the line that explains most if that stands further up. */
function shownScreen(snapshot: Snapshot): string[] {
  const all = lastScreen(snapshot)
  const shown = all.slice(-MAX_SCREEN_LINES)
  const words = lastWords(snapshot)
  const at = words === undefined ? -1 : all.findLastIndex((line) => line.trim() === words)
  const telling = all[at]
  if (telling === undefined || at >= all.length - shown.length) return shown
  return [telling, '…', ...shown.slice(2)]
}

/** Returns an autopsy as text for a terminal: about one screen, no line wider than the terminal. */
export function autopsyScreen(view: AutopsyView): string {
  const { record, judged, findings } = view.death
  const width = textWidth()
  const parts = [
    wrap(
      `${record.identity}: ${plain(judged.summary)}${view.after?.atLaunch === true ? ', while it was being launched' : ''}`,
      width - 2,
    ).join('\n  '),
    '',
    facts(view, width),
  ]
  parts.push(heading('evidence'), ...evidenceLines(judged.evidence, width))
  if (judged.killer !== undefined) parts.push(heading('killer'), ...killerLines(judged.killer, width))
  if (view.moments.length > 1) parts.push(heading('in the same minute'), ...momentLines(view, width))
  const { inFlight = [] } = view
  if (inFlight.length > 0) parts.push(heading('messages in flight'), ...mailLines(inFlight, width))
  const screen = findings.snapshot === undefined ? [] : shownScreen(findings.snapshot)
  if (screen.length > 0)
    parts.push(heading('last screen'), ...screen.map((line) => cut(`  │ ${plain(line)}`, width)))
  parts.push(
    heading('what to do'),
    ...adviceLines(view).map((line) => `  ${wrap(line, width - 2).join('\n  ')}`),
  )
  if (findings.snapshot?.complete === false)
    parts.push('', 'The snapshot is incomplete: evidence may be missing.')
  return parts.join('\n')
}

/** Escapes Markdown, and breaks each `@name` by a zero-width space: a backslash does not prevent a mention. */
const escaped = (text: string): string =>
  plain(text)
    .replace(/[\\`*_<>[\]|#]/g, '\\$&')
    .replace(/@(?=\w)/g, '@\u200b')

/** Returns a text as Markdown code, whatever backquotes it contains. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = longest > 0 ? ' ' : ''
  return `${fence}${pad}${plain(text)}${pad}${fence}`
}

/** Returns an autopsy as Markdown for an issue. The last screen can contain secrets and is included only on request. */
export function autopsyMarkdown({ death, usage, context = {} }: AutopsyView, withScreen: boolean): string {
  const { record, judged, findings, incident } = death
  const parts = [
    `### ${record.identity}: ${escaped(judged.summary)}`,
    '',
    `- verdict: **${judged.verdict}**, confidence **${judged.confidence}**`,
    `- when: ${record.ts}`,
    `- id: ${code(record.id)}`,
    ...(usage === undefined ? [] : [`- usage: ${usage.summary}`]),
  ]
  const doing = doingText(record, context)
  if (doing !== undefined) parts.push(`- doing: ${escaped(doing)}`)
  if (incident !== undefined) parts.push(`- incident: ${code(incident.id)}, ${incident.deaths.length} deaths`)
  if (findings.snapshot !== undefined) parts.push(`- platform: ${findings.snapshot.platform}`)
  parts.push('', '| section | evidence |', '| --- | --- |')
  for (const { section, fact, contradicts } of judged.evidence)
    if (section !== 'pane-tail' && !fact.startsWith(STARTED_BY))
      parts.push(
        `| ${escaped(section)} | ${contradicts === true ? '**against this verdict:** ' : ''}${escaped(fact)} |`,
      )
  if (judged.killer !== undefined) {
    const killer = publishedKiller(judged.killer)
    const chain = [killer, ...killer.ancestors].map(({ pid, command }) => `- pid ${pid}: ${code(command)}`)
    parts.push('', 'Killer, and the processes that started it:', '', ...chain)
  }
  const screen = withScreen && findings.snapshot !== undefined ? lastScreen(findings.snapshot) : []
  if (screen.length > 0) parts.push('', 'Last screen:', '', ...screen.map((line) => `    ${plain(line)}`))
  return parts.join('\n')
}
