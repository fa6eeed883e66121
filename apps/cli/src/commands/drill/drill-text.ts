import { type DrillResult, type Finding, type KindResult, summaryOf, type Times } from '@iapeer/drill'
import { durationText } from '@iapeer/lifecycle/deaths'
import { EXIT } from '../../exit-code.ts'
import { isDumbTerminal, paint, textWidth } from '../../output.ts'
import { table } from '../../table.ts'
import { wrap } from '../../wrap.ts'

const LINE_MS = 10_000
/** So many findings are printed; more are counted. */
const MOST_FINDINGS = 20

/** Shows how far a drill is. */
export interface DrillProgress {
  /** @param wrong what was wrong with the act, one line each: printed at once, since a drill can take hours */
  readonly step: (done: number, wrong: readonly string[]) => void
  readonly end: () => void
}

/** Shows it on standard error: a line that is replaced on a terminal, else a line every ten seconds. */
export function startProgress(count: number, output: NodeJS.WriteStream = process.stderr): DrillProgress {
  const begun = performance.now()
  const isMoving = output.isTTY === true && !isDumbTerminal
  let wrong = 0
  let lastMs = begun
  const text = (done: number): string => {
    const ms = performance.now() - begun
    const rate = done / (ms / 1_000)
    const left = durationText(((count - done) / rate) * 1_000)
    return `${done} of ${count} acts, ${wrong} wrong, ${rate.toFixed(1)} each second, ${left} left`
  }
  return {
    step: (done, lines) => {
      if (lines.length > 0) wrong++
      if (lines.length > 0 && wrong <= MOST_FINDINGS)
        output.write(`${isMoving ? '\r\u001b[K' : ''}${lines.join('\n')}\n`)
      const now = performance.now()
      if (isMoving) output.write(`\r\u001b[K${text(done)}`)
      else if (now - lastMs >= LINE_MS) {
        lastMs = now
        output.write(`${text(done)}\n`)
      }
    },
    end: () => {
      if (isMoving) output.write('\r\u001b[K')
    },
  }
}

const timesText = (times: Times | undefined): string[] =>
  times === undefined ? ['-', '-'] : [`${Math.round(times.p50)} ms`, `${Math.round(times.p99)} ms`]

function kindRow(result: KindResult): string[] {
  const { kind, done, wrong, record, recovery } = summaryOf(result)
  return [
    kind,
    String(done),
    wrong === 0 ? '-' : paint('red', String(wrong)),
    ...timesText(record),
    ...timesText(recovery),
  ]
}

const HEAD = ['KIND', 'ACTS', 'WRONG', 'RECORD P50', 'P99', 'RUNNING P50', 'P99']
const FAILED_ADVICE =
  'An act that failed was not finished, so it says nothing about the records. On a busy host servers start too late: try a smaller --concurrency.'

/** Returns one finding in one line. */
export function findingText({ act, kind, what, identity, gen }: Omit<Finding, 'number'>): string {
  const about = gen === undefined ? (identity ?? '') : `${identity}-${gen}`
  return `${paint('red', '✕')} ${act}: ${kind}: ${what}${about === '' ? '' : ` (${about})`}`
}

function findingsText({ findings }: DrillResult, again: string): string[] {
  if (findings.length === 0) return []
  const lines = findings.slice(0, MOST_FINDINGS).flatMap((finding) => wrap(findingText(finding), textWidth()))
  const more = findings.length > MOST_FINDINGS ? [`and ${findings.length - MOST_FINDINGS} more`] : []
  const advice = findings.some(({ kind }) => kind === 'failed') ? wrap(FAILED_ADVICE, textWidth()) : []
  return ['', ...lines, ...more, ...advice, `Repeat it: ${again}`]
}

function outcomeOf({ findings, done, isInterrupted }: DrillResult): string {
  if (findings.length > 0) return `${findings.length} wrong`
  return done === 0 && !isInterrupted ? 'nothing is proven' : 'nothing is wrong'
}

/** Returns what a drill has found, for a person. @param again the command that repeats its acts */
export function resultText(result: DrillResult, again: string): string {
  const { kinds, skipped, control, isControlRed, isInterrupted, done, directory, ms } = result
  const controlText = [...control]
    .map(([name, found]) => `${name}: ${found.join(', ') || 'nothing'}`)
    .join('; ')
  const end = isInterrupted ? 'interrupted' : 'done'
  return [
    isControlRed
      ? `${paint('green', '●')} control: what is wrong on purpose was found (${controlText})`
      : `${paint('red', '✕')} control: what is wrong on purpose was NOT found (${controlText}), so nothing is proven`,
    '',
    table([HEAD, ...kinds.map(kindRow)]),
    ...(skipped.length === 0 ? [] : ['', ...skipped.map(({ name, why }) => `${name} was skipped: ${why}`)]),
    ...findingsText(result, again),
    ...(directory === undefined ? [] : ['', `The files are kept: ${directory}`]),
    '',
    `${end}: ${done} acts in ${durationText(ms)}, ${outcomeOf(result)}`,
  ].join('\n')
}

/** Exit code of a drill that proves nothing: the control was not found to be wrong, or no act could be done. */
const NOTHING_PROVEN = 3

/** Returns the exit code of a drill. */
export function exitCodeOf({ isInterrupted, isControlRed, findings, done }: DrillResult): number {
  if (!isControlRed && !isInterrupted) return NOTHING_PROVEN
  if (findings.length > 0) return EXIT.failed
  if (isInterrupted) return EXIT.interrupted
  return done === 0 ? NOTHING_PROVEN : EXIT.ok
}
