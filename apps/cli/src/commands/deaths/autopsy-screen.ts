import {
  adviceFor,
  type Evidence,
  type ExitRecord,
  type Killer,
  lastScreen,
  publishedKiller,
  STARTED_BY,
} from '@iapeer/forensics'
import type { JudgedDeath } from '@iapeer/lifecycle/deaths'
import { cut } from '../../cut.ts'
import { localTime, paint, plain, textWidth } from '../../output.ts'
import { timeText, utcTime } from '../../times.ts'
import { fill, wrap } from '../../wrap.ts'
import type { Moment } from './timeline.ts'

/** The content of an autopsy. */
export interface AutopsyView {
  readonly death: JudgedDeath
  readonly moments: readonly Moment[]
  /** Whether times are printed in UTC. */
  readonly utc?: boolean
}

const CONFIDENCE = { high: 'green', medium: 'yellow', low: 'red' } as const
const MAX_EVIDENCE = 10
const MAX_SCREEN_LINES = 8

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

function facts(
  { death: { record, judged, incident, findings }, utc = false }: AutopsyView,
  width: number,
): string {
  const rows: [label: string, text: string][] = [
    [
      'verdict',
      `${paint('bold', judged.verdict)} (confidence ${paint(CONFIDENCE[judged.confidence], judged.confidence)})`,
    ],
    ['when', whenText(record, utc)],
    ['recorded by', recorderText(record)],
    ['id', record.id],
  ]
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

function momentLines(moments: readonly Moment[], width: number): string[] {
  const column = Math.max(...moments.map(({ identity }) => identity.length)) + 2
  return moments.map(({ ts, identity, text, isThisDeath }) => {
    const line = cut(`${localTime(ts).slice(11)}  ${identity.padEnd(column)}${text}`, width - 2)
    return isThisDeath ? `${paint('red', '✕')} ${paint('bold', line)}` : `  ${line}`
  })
}

/** Returns an autopsy as text for a terminal: about one screen, no line wider than the terminal. */
export function autopsyScreen(view: AutopsyView): string {
  const { record, judged, findings } = view.death
  const width = textWidth()
  const parts = [
    wrap(`${record.identity}: ${plain(judged.summary)}`, width - 2).join('\n  '),
    '',
    facts(view, width),
  ]
  parts.push(heading('evidence'), ...evidenceLines(judged.evidence, width))
  if (judged.killer !== undefined) parts.push(heading('killer'), ...killerLines(judged.killer, width))
  if (view.moments.length > 1) parts.push(heading('in the same minute'), ...momentLines(view.moments, width))
  const screen = findings.snapshot === undefined ? [] : lastScreen(findings.snapshot).slice(-MAX_SCREEN_LINES)
  if (screen.length > 0)
    parts.push(heading('last screen'), ...screen.map((line) => cut(`  │ ${plain(line)}`, width)))
  const advice = adviceFor(judged).map((line) => `  ${wrap(line, width - 2).join('\n  ')}`)
  parts.push(heading('what to do'), ...advice)
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
export function autopsyMarkdown({ death }: AutopsyView, withScreen: boolean): string {
  const { record, judged, findings, incident } = death
  const parts = [
    `### ${record.identity}: ${escaped(judged.summary)}`,
    '',
    `- verdict: **${judged.verdict}**, confidence **${judged.confidence}**`,
    `- when: ${record.ts}`,
    `- id: ${code(record.id)}`,
  ]
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
