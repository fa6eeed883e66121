import { adviceFor, type Evidence, type ExitRecord, type Killer, lastScreen } from '@iapeer/forensics'
import type { JudgedDeath } from '@iapeer/lifecycle/deaths'
import { cut } from '../../cut.ts'
import { localTime, paint, plain, textWidth } from '../../output.ts'
import { fill, wrap } from '../../wrap.ts'
import type { Moment } from './timeline.ts'

/** All that an autopsy shows. */
export interface AutopsyView {
  readonly death: JudgedDeath
  readonly moments: readonly Moment[]
}

const CONFIDENCE = { high: 'green', medium: 'yellow', low: 'red' } as const
const MOST_EVIDENCE = 10
const MOST_SCREEN = 8

const heading = (text: string): string => `\n${paint('bold', text)}`

const LABEL = 13
/** A path that is longer than a line fills it from where it begins. */
function filled(text: string, width: number): string[] {
  const fits = text.split(' ').every((word) => word.length <= width || word.includes('\u001b'))
  return fits ? wrap(text, width) : fill(text, width)
}

/** The time, or where that is not known the two times that it was between. */
function whenText({ ts, seenAlive }: ExitRecord): string {
  if (seenAlive === undefined) return `${localTime(ts)} (${ts})`
  return `between ${localTime(seenAlive)} (last seen alive) and ${localTime(ts)} (found dead)`
}

function facts({ death: { record, judged, incident, findings } }: AutopsyView, width: number): string {
  const { recorder } = record
  const rows: [label: string, text: string][] = [
    [
      'verdict',
      `${paint('bold', judged.verdict)} (confidence ${paint(CONFIDENCE[judged.confidence], judged.confidence)})`,
    ],
    ['when', whenText(record)],
    [
      'recorded by',
      recorder === undefined || recorder === 'none' ? 'reconcile, afterwards' : `its ${recorder}`,
    ],
    ['id', record.id],
  ]
  if (incident !== undefined)
    rows.push(['incident', `${incident.deaths.length} deaths of one cause (${plain(incident.cause)})`])
  if (record.forensics !== undefined && findings.snapshot === undefined)
    rows.push(['snapshot', 'it cannot be read'])
  const room = width - LABEL
  const indent = `\n${' '.repeat(LABEL)}`
  return rows.map(([label, text]) => label.padEnd(LABEL) + filled(text, room).join(indent)).join('\n')
}

/** Screen and killer have parts of their own. */
const shownEvidence = (evidence: readonly Evidence[]): Evidence[] =>
  evidence
    .filter(({ section, fact }) => section !== 'pane-tail' && !fact.startsWith('started by pid '))
    .slice(0, MOST_EVIDENCE)

function evidenceLines(evidence: readonly Evidence[], width: number): string[] {
  const shown = shownEvidence(evidence)
  const column = Math.max(...shown.map(({ section }) => section.length)) + 2
  return shown.map(({ section, fact, contradicts }) => {
    const mark = contradicts === true ? paint('red', '!') : ' '
    const text = contradicts === true ? `against it: ${fact}` : fact
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
  const column = Math.max(...moments.map(({ who }) => who.length)) + 2
  return moments.map(({ ts, who, what, isIt }) => {
    const line = cut(`${localTime(ts).slice(11)}  ${who.padEnd(column)}${what}`, width - 2)
    return isIt ? `${paint('red', '✕')} ${paint('bold', line)}` : `  ${line}`
  })
}

/** The autopsy for a person: about one screen, no line wider than the terminal. */
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
  if (view.moments.length > 1) parts.push(heading('around it'), ...momentLines(view.moments, width))
  const screen = findings.snapshot === undefined ? [] : lastScreen(findings.snapshot).slice(-MOST_SCREEN)
  if (screen.length > 0)
    parts.push(heading('its last screen'), ...screen.map((line) => cut(`  │ ${plain(line)}`, width)))
  const advice = adviceFor(judged.verdict, judged.killer !== undefined).map(
    (line) => `  ${wrap(line, width - 2).join('\n  ')}`,
  )
  parts.push(heading('what to do'), ...advice)
  if (findings.snapshot?.complete === false)
    parts.push('', 'The snapshot was cut off: evidence may be missing.')
  return parts.join('\n')
}

/** Nobody is called by what a command held: no backslash keeps a forge from taking `@name` for a person. */
const escaped = (text: string): string =>
  plain(text)
    .replace(/[\\`*_<>[\]|#]/g, '\\$&')
    .replace(/@(?=\w)/g, '@\u200b')

/** In backquotes as it stands, whatever backquotes it has. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = longest > 0 ? ' ' : ''
  return `${fence}${pad}${plain(text)}${pad}${fence}`
}

/** The autopsy to paste into an issue. What the agent had on its screen can hold anything: only where it is asked for. */
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
    if (section !== 'pane-tail')
      parts.push(
        `| ${escaped(section)} | ${contradicts === true ? '**against it:** ' : ''}${escaped(fact)} |`,
      )
  if (judged.killer !== undefined) {
    const { killer } = judged
    const chain = [killer, ...killer.ancestors].map(({ pid, command }) => `- pid ${pid}: ${code(command)}`)
    parts.push('', 'Killer, and what started it:', '', ...chain)
  }
  const screen = withScreen && findings.snapshot !== undefined ? lastScreen(findings.snapshot) : []
  if (screen.length > 0) parts.push('', 'Its last screen:', '', ...screen.map((line) => `    ${plain(line)}`))
  return parts.join('\n')
}
