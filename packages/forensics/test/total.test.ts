import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, parseSnapshot, VERDICT_WORDS, type Verdict } from '../src/index.ts'
import { type Case, cases } from './support.ts'

const WORDS: ReadonlySet<string> = new Set(VERDICT_WORDS)
const CONFIDENCES = ['low', 'medium', 'high']
const RUNS = 300

/** Uses plain comparisons because it runs about ten thousand times. */
function expectValid({ verdict, confidence, summary, evidence }: Verdict): void {
  const isKnown = WORDS.has(verdict) && CONFIDENCES.includes(confidence)
  if (!isKnown || summary === '' || evidence.length === 0)
    expect.fail(`not a verdict: ${JSON.stringify({ verdict, confidence, summary, evidence })}`)
}

const judgeText = (one: Case, text: string): Verdict =>
  judge(one.record, { ...one.findings, snapshot: parseSnapshot(text) })

const withSnapshot = cases.filter((one) => one.snapshotText !== undefined)
const anyCase = fc.constantFrom(...withSnapshot)

/** Checks that a truncated snapshot does not lead to another verdict with a higher confidence than the complete one. */
function expectNoSurer(one: Case, text: string): void {
  const judged = judgeText(one, text)
  expectValid(judged)
  const { verdict, confidence } = judged
  if (verdict === one.expected.verdict) return
  if (CONFIDENCES.indexOf(confidence) > CONFIDENCES.indexOf(one.expected.confidence))
    expect.fail(`${one.name} cut after ${text.length} characters: ${verdict} ${confidence}`)
}

describe('judging never throws', () => {
  it('for a snapshot cut after any of its lines, and is never wrong with a higher confidence', () => {
    for (const one of withSnapshot) {
      const lines = (one.snapshotText ?? '').split('\n')
      for (let kept = 1; kept < lines.length; kept++)
        expectNoSurer(one, `${lines.slice(0, kept).join('\n')}\n`)
    }
  })

  it('for a snapshot cut at any character', () => {
    fc.assert(
      fc.property(anyCase, fc.double({ min: 0, max: 1, noNaN: true }), (one, part) => {
        const text = one.snapshotText ?? ''
        const head = text.indexOf('\n') + 1
        expectNoSurer(one, text.slice(0, head + Math.floor(part * (text.length - head))))
      }),
      { numRuns: RUNS * 3 },
    )
  })

  it('for a snapshot with lines that are missing, doubled, swapped or overwritten', () => {
    const damage = fc.tuple(fc.nat(), fc.nat(), fc.constantFrom('drop', 'double', 'swap', 'garbage'))
    fc.assert(
      fc.property(
        anyCase,
        fc.array(damage, { maxLength: 12 }),
        fc.string({ unit: 'binary' }),
        (one, all, text) => {
          const lines = (one.snapshotText ?? '').split('\n')
          for (const [at, other, how] of all) {
            const [from, to] = [at % lines.length, other % lines.length]
            const line = lines[from] ?? ''
            if (how === 'drop') lines.splice(from, 1)
            else if (how === 'double') lines.splice(to, 0, line)
            else if (how === 'swap') lines.splice(from, 1, lines[to] ?? '')
            else lines.splice(from, 1, text)
            if (lines.length === 0) lines.push('')
          }
          expectValid(judgeText(one, lines.join('\n')))
        },
      ),
      { numRuns: RUNS * 3 },
    )
  })

  it('for any bytes in any section', () => {
    const section = fc.constantFrom(
      ...['kernel-log', 'journal', 'cgroup', 'baseline', 'core', 'signal-witness', 'memorystatus'],
      ...['diagnosticreports-user', 'meminfo', 'pane-tail', 'x'],
    )
    const bytes = fc.uint8Array({ maxLength: 400 }).map((some) => Buffer.from(some).toString('latin1'))
    fc.assert(
      fc.property(anyCase, fc.array(fc.tuple(section, bytes), { maxLength: 6 }), (one, sections) => {
        const text = sections.map(([name, body]) => `--- ${name}\n${body}\n`).join('')
        expectValid(judgeText(one, `server-death format=1\n${text}--- end\n`))
      }),
      { numRuns: RUNS },
    )
  })

  it('for any bytes as a report of macOS', () => {
    const mac = cases.filter((one) => (one.findings.reports?.size ?? 0) > 0)
    fc.assert(
      fc.property(
        fc.constantFrom(...mac),
        fc.oneof(fc.json(), fc.string({ unit: 'binary' })),
        (one, text) => {
          const bodies = [...(one.findings.reports ?? [])].map(([name, whole]): [string, string] => [
            name,
            `${whole.split('\n')[0]}\n${text}`,
          ])
          expectValid(judge(one.record, { ...one.findings, reports: new Map(bodies) }))
        },
      ),
      { numRuns: RUNS },
    )
  })
})

it('the screen of an agent is never evidence of a cause', () => {
  const logs = withSnapshot.flatMap(({ snapshotText = '' }) =>
    [...snapshotText.matchAll(/^--- (?:kernel-log|journal|signal-witness)\n((?:(?!---).*\n)*)/gm)].map(
      ([, body = '']) => body,
    ),
  )
  for (const one of withSnapshot.filter(({ record }) => record.event === 'session-exit')) {
    const text = (one.snapshotText ?? '').replace(/^--- pane-tail\n/m, '--- shown-before\n')
    const shown = text.replace('\n', () => `\n--- pane-tail\n${logs.join('')}`)
    const { verdict, confidence } = judgeText(one, shown)
    expect([one.name, verdict, confidence]).toEqual([one.name, one.expected.verdict, one.expected.confidence])
  }
})
