import type { Finding, KindResult } from './collector.ts'
import type { DrillResult } from './drill.ts'

/** Times of one kind, in milliseconds; undefined without any. */
export interface Times {
  readonly p50: number
  readonly p99: number
}

/** Returns the percentiles of times. Pure. */
export function timesOf(values: readonly number[]): Times | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((one, other) => one - other)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0
  return { p50: at(0.5), p99: at(0.99) }
}

/** What of a kind is printed as JSON. */
export interface KindSummary {
  readonly kind: string
  readonly title: string
  readonly done: number
  readonly wrong: number
  readonly record: Times | undefined
  readonly recovery: Times | undefined
}

export const summaryOf = ({ name, title, done, wrong, recordMs, recoveryMs }: KindResult): KindSummary => ({
  kind: name,
  title,
  done,
  wrong,
  record: timesOf(recordMs),
  recovery: timesOf(recoveryMs),
})

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Returns a text for XML 1.0, which cannot contain most control characters. */
const xml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot contain
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '?')
    .replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character)

/** Returns a report of a drill that has no result, in the format of JUnit: one test case with an error. Pure. */
export const junitError = (message: string): string =>
  [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    '  <testsuite name="iapeer drill" tests="1" failures="0" errors="1">',
    `    <testcase classname="iapeer.drill" name="the drill"><error message="${xml(message)}"/></testcase>`,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')

/** Findings of one kind in the report; more are counted. */
const MOST_FINDINGS = 20

function failure(findings: readonly Finding[]): string {
  const [first] = findings
  if (first === undefined) return ''
  const lines = findings
    .slice(0, MOST_FINDINGS)
    .map(
      ({ kind, what, identity, gen }) => `${kind}: ${what}${identity ? ` (${identity}-${gen ?? '?'})` : ''}`,
    )
  const more = findings.length > lines.length ? [`and ${findings.length - lines.length} more`] : []
  const message = `${findings.length} wrong: ${first.kind}`
  return `<failure type="${first.kind}" message="${xml(message)}">${xml([...lines, ...more].join('\n'))}</failure>`
}

/** Returns the result as a report in the format of JUnit, which build services read: one test case for each kind. Pure. */
export function junit(result: DrillResult): string {
  const { kinds, findings, skipped, control, isControlRed, ms, seed, done, isInterrupted } = result
  const known = new Set(kinds.map(({ name }) => name))
  const others = findings.filter(({ act }) => !known.has(act))
  const testcase = (name: string, body: string): string =>
    `    <testcase classname="iapeer.drill" name="${xml(name)}">${body}</testcase>`
  const controlText = [...control]
    .map(([name, found]) => `${name}: ${found.join(', ') || 'nothing'}`)
    .join('\n')
  const cases = [
    testcase(
      'control',
      isControlRed
        ? ''
        : `<failure type="control" message="the control was not found to be wrong">${xml(controlText)}</failure>`,
    ),
    ...(done === 0 && !isInterrupted
      ? [testcase('acts', '<failure type="nothing-proven" message="no act was done"/>')]
      : []),
    ...kinds.map(({ name, title }) =>
      testcase(`${name}: ${title}`, failure(findings.filter(({ act }) => act === name))),
    ),
    ...skipped.map(({ name, why }) => testcase(name, `<skipped message="${xml(why)}"/>`)),
    ...(others.length === 0 ? [] : [testcase('leaves nothing behind', failure(others))]),
  ]
  const failures = cases.filter((text) => text.includes('<failure')).length
  const counts = `tests="${cases.length}" failures="${failures}" skipped="${skipped.length}" time="${(ms / 1_000).toFixed(3)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="iapeer drill (seed ${seed})" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}
